"""A slice of a CSV file through Arrow: the DataFrame that column_types.apply() makes through pandas, in a fraction of
the time; or Declined, and pandas reads the slice. csv_columns reads what has no quotes and only plain values,
pyarrow.csv the rest. Both get the columns' types and take fewer forms of a value than pandas does. What pyarrow takes
and pandas does not, or sees otherwise, is found here and declined, so that values, types and messages are always those
of pandas."""

import os

from parallelrun_worker import (
    column_types,
    csv_check,
    csv_columns,
    datetimes,
    freed_memory,
    pandas_reader,
    whole_numbers,
)

# Of what is older, not all options that are used here were tried.
_OLDEST = (14,)
_BOM = b"\xef\xbb\xbf"
_LARGEST = 1 << 30
_TEXTS = ("string", "datetime", "datetime_utc")
# int64_or_missing too: as pandas has it, which tells -0 from 0 there.
_FLOATS = ("float64", "missing", "int64_or_missing", "uint64_or_missing")
_WHOLE = ("int64", "uint64")
_NATIVE = {
    "int64": csv_columns.INT64,
    "uint64": csv_columns.UINT64,
    **dict.fromkeys(_FLOATS, csv_columns.FLOAT64),
    "bool": csv_columns.BOOL,
    "bool_or_missing": csv_columns.BOOL,
    **dict.fromkeys(_TEXTS, csv_columns.TEXT),
}
_MOST_PIECES = 50
# From here on it pays that pyarrow makes the same object of the same text.
_MANY = 1000


class Declined(Exception):
    """pandas has to read this slice. The text says why, and is the same for the same reason."""


def load(pandas, delimiter, declared, na_values, library=None):
    """An ArrowReader, or None where the environment has no pyarrow that will do, or PARALLELRUN_CSV_READER is
    `pandas`. `declared`: {column: type}; `na_values`: as of pandas_reader.Reader; `library`: libparallelrun_csv.so, if there
    is one."""
    if os.environ.get("PARALLELRUN_CSV_READER") == "pandas":
        return None
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv

        if tuple(int(part) for part in pyarrow.__version__.split(".")[:1]) < _OLDEST:
            return None
    except (ImportError, AttributeError, ValueError):
        return None
    freed_memory.keep()
    return ArrowReader(pyarrow, pandas, delimiter, declared, na_values, library)


class ArrowReader:
    def __init__(self, arrow, pandas, delimiter, declared, na_values, library):
        import numpy

        self._arrow, self._pandas, self._numpy = arrow, pandas, numpy
        self._declared = declared
        self._gaps = pandas_reader.GAPS if na_values is None else sorted({*na_values, ""})
        # Of these pandas takes every other way to write the number for a gap too.
        self._numbers_are_gaps = na_values is not None and any(map(_is_number, na_values))
        self._own_gaps = na_values is not None
        self._columns = csv_columns.load(library, arrow, self._gaps)
        self._delimiter = delimiter.encode()
        self._parse = arrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        self._parse_lines = arrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=False)
        self._plan = None
        self._text = _TextType(pandas, arrow, numpy)

    def read(self, data, columns, types, items, traits, tell_gap):
        """The DataFrame of the records. `columns`: the pandas Index of their names; `types`: {name: type};
        `items`: how many records are not blank, not 0; `traits`: what csv_check.look() says of the data. tell_gap() is
        that of column_types.apply(). Raises Declined."""
        self._check(data, traits)
        plan = self._plan
        if plan is None or plan.types is not types or plan.columns is not columns:
            plan = self._plan = self._planned(columns, types)
        if traits & csv_check.HEXADECIMAL and plan.whole:
            raise Declined("0x in a slice with whole numbers")
        arrays = self._arrays(data, plan, items, traits)

        def again(number, kind):
            """A column, read as another type."""
            return self._table(data, plan, traits, self._convert(plan, {number: kind})).column(0)

        gaps = []
        arrays = {
            number: self._values(array, number, kind, name, gaps, again)
            for number, (array, (name, kind)) in enumerate(zip(arrays, plan.kinds))
        }
        # pandas warns of frames that are made of more than a hundred pieces.
        frame = self._pandas.DataFrame(arrays, copy=len(arrays) > _MOST_PIECES)
        frame.columns = columns
        for name, item, comes_as in gaps:
            tell_gap(name, item, comes_as)
        return frame

    def _arrays(self, data, plan, items, traits):
        if plan.native is not None and not traits & csv_check.QUOTES:
            arrays = self._columns.read(data, self._delimiter, plan.native, not plan.own_text, items)
            if arrays is not None:
                return arrays
        table = self._table(data, plan, traits, plan.convert)
        if table.num_rows != items:
            raise Declined("blank records")
        return table.columns

    def _check(self, data, traits):
        if traits & csv_check.NUL:
            raise Declined("a NUL")
        if traits & csv_check.LONE_RETURN:
            raise Declined("a carriage return alone")
        if data.startswith(_BOM):  # which pyarrow would take for that of a file
            raise Declined("a byte order mark in a field")
        if len(data) > _LARGEST:
            raise Declined("more than 1 GB")
        if self._numbers_are_gaps:
            raise Declined("a number in spec.inputs[].naValues")
        if not self._text.as_usual():
            raise Declined("options of pandas for strings")

    def _planned(self, columns, types):
        plan = _Plan()
        plan.types, plan.columns = types, columns
        plan.kinds = [(name, types[name]) for name in columns]
        if any(kind is None for _, kind in plan.kinds):
            raise Declined("columns without a type")
        plan.whole = any(kind in _WHOLE for _, kind in plan.kinds)
        # A column declared string has gaps of its own, which pyarrow cannot be told.
        plan.own_text = not self._own_gaps and "string" in (self._declared.get(name) for name in columns)
        plan.native = None
        if self._columns is not None and len(plan.kinds) <= csv_columns.MOST_COLUMNS:
            plan.native = [_NATIVE[kind] for _, kind in plan.kinds]
        plan.names = [str(number) for number in range(len(plan.kinds))]
        plan.convert = self._convert(plan, {n: kind for n, (_, kind) in enumerate(plan.kinds)})
        return plan

    def _convert(self, plan, kinds):
        """`kinds`: {number of a column: kind} of all columns to read."""
        types = self._arrow_types()
        return self._arrow.csv.ConvertOptions(
            column_types={plan.names[number]: types[kind] for number, kind in kinds.items()},
            include_columns=[] if len(kinds) == len(plan.names) else [plan.names[number] for number in kinds],
            null_values=list(self._gaps),
            true_values=["True", "TRUE", "true"],
            false_values=["False", "FALSE", "false"],
            strings_can_be_null=not plan.own_text,
            quoted_strings_can_be_null=True,
            check_utf8=False,  # csv_check has looked
        )

    def _arrow_types(self):
        arrow = self._arrow
        return {
            "int64": arrow.int64(),
            "uint64": arrow.uint64(),
            **dict.fromkeys(_FLOATS, arrow.float64()),
            "bool": arrow.bool_(),
            "bool_or_missing": arrow.bool_(),
            **dict.fromkeys(_TEXTS, self._text.arrow_type),
        }

    def _table(self, data, plan, traits, convert):
        csv = self._arrow.csv
        # One block: what pyarrow holds is then no more than twice the slice, and each column is one array.
        read = csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=plan.names)
        try:
            return csv.read_csv(
                self._arrow.BufferReader(data),
                read,
                self._parse if traits & csv_check.QUOTES else self._parse_lines,
                convert,
            )
        except (self._arrow.ArrowInvalid, self._arrow.ArrowNotImplementedError):
            # Often a value that does not fit, of which pandas' reading will say where it stands.
            raise Declined("a value that pyarrow does not take") from None

    def _values(self, column, number, kind, name, gaps, again):
        """What the DataFrame takes for a column. Adds to `gaps` what is to be told."""
        if kind == "string":
            own = not self._own_gaps and self._declared.get(name) == "string"
            return self._text.values(self._with_gaps(column, own))
        if kind in _FLOATS:
            values = self._floats(column, kind)
            if kind.endswith("_or_missing") and not whole_numbers.small(values):
                return self._whole(again(number, kind[: -len("_or_missing")]), lambda: values)
            return values
        if kind in _WHOLE and column.null_count == 0:
            return self._numbers(column)
        if kind in _WHOLE:
            values = self._whole(
                column, None if name in self._declared else lambda: self._numbers(again(number, "float64"))
            )
            gaps.append((name, self._first_gap(column), str(values.dtype)))
            return values
        if kind == "bool" and column.null_count == 0:
            return _writable(column.to_numpy())
        if kind == "bool" and name in self._declared:
            raise Declined("a gap in a column declared bool")
        if kind == "bool":
            gaps.append((name, self._first_gap(column), "object"))
        if kind in ("bool", "bool_or_missing"):
            return _with_nan(column, column.to_numpy().astype(object), self._numpy)
        return self._datetimes(column, kind, name)

    def _with_gaps(self, column, own):
        """`own`: only the empty field is a gap, as in columns that are declared string."""
        if not self._plan.own_text:
            return column
        compute = self._arrow.compute
        if own:
            is_gap = compute.equal(column, self._arrow.scalar("", column.type))
        else:
            is_gap = compute.is_in(column, value_set=self._arrow.array(self._gaps, column.type))
        if not compute.any(is_gap).as_py():
            return column
        return compute.if_else(is_gap, self._arrow.scalar(None, column.type), column)

    def _first_gap(self, column):
        return int(column.is_null().to_numpy().argmax())

    def _floats(self, column, kind):
        numpy = self._numpy
        if kind == "missing" and column.null_count < len(column):
            raise Declined("the first values of a column")
        values = self._numbers(column)
        # pyarrow takes nan(abc) for a number.
        if numpy.count_nonzero(numpy.isfinite(values)) + column.null_count < len(column):
            raise Declined("inf, or a number that is none")
        return values

    def _numbers(self, column):
        """The numbers, NaN for gaps of floats. An array that can be written to, without a copy where that can be."""
        numpy = self._numpy
        if column.num_chunks != 1 or column.chunk(0).offset:
            return numpy.array(column.to_numpy())
        buffer = column.chunk(0).buffers()[1]
        values = numpy.frombuffer(buffer, column.type.to_pandas_dtype(), len(column))
        return _with_nan(column, _writable(values), numpy)

    def _whole(self, column, floats):
        """What floats() gives, or a nullable array where float64 does not hold the numbers, or without `floats`."""
        values = column.fill_null(0).to_numpy() if column.null_count else column.to_numpy()
        if floats is not None and whole_numbers.float64_holds_values(values):
            return floats()
        return self._pandas.arrays.IntegerArray(values.copy(), column.is_null().to_numpy())

    def _datetimes(self, column, kind, name):
        column = self._with_gaps(column, False)
        try:
            moments = datetimes.convert_arrow(column, kind == "datetime_utc")
            if moments is not None:
                return moments
            return column_types.datetimes_of(self._pandas.Series(self._text.values(column)), name, kind)
        except column_types.Misfit:
            raise Declined("a value that does not fit") from None


class _Plan:
    """What pyarrow is told for columns of given names and types."""

    __slots__ = ("types", "columns", "kinds", "whole", "own_text", "native", "names", "convert")


class _TextType:
    """How pandas.read_csv gives text here: objects before pandas 3, then strings in pyarrow's arrays."""

    def __init__(self, pandas, arrow, numpy):
        self._pandas, self._numpy = pandas, numpy
        self._objects = not pandas_reader.is_at_least(pandas, 3, 0)
        self._dtype = None if self._objects else pandas.StringDtype(na_value=numpy.nan)
        self.arrow_type = arrow.string() if self._objects else arrow.large_string()

    def as_usual(self):
        """Whether no option of pandas, which the script may have set, gives something else."""
        option = self._pandas.get_option
        if self._objects:
            try:
                return not option("future.infer_string")
            except (KeyError, AttributeError):  # pandas 2.0
                return True
        return (
            option("future.infer_string")
            and option("mode.string_storage") in ("auto", "pyarrow")
            and self._dtype.storage == "pyarrow"
        )

    def values(self, column):
        if not self._objects:
            return self._dtype.__from_arrow__(column)
        values = column.to_numpy() if len(column) < _MANY else column.to_pandas().to_numpy()
        return _with_nan(column, _writable(values), self._numpy)


def _writable(values):
    """Scripts may write to what they get."""
    return values if values.flags.writeable else values.copy()


def _with_nan(column, values, numpy):
    if column.null_count:
        values[column.is_null().to_numpy()] = numpy.nan
    return values


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
