"""The columns of JSON lines: one type for each in the whole input, by the JSON types of its values.

Types are named as in column_types.py, and `object`: values of several types, objects, arrays and whole numbers beyond
64 bits, which stay what json.loads makes of them."""

from parallelrun_worker import (
    arrow_import,
    column_types,
    datetimes,
    pandas_reader,
    plain_json,
    whole_numbers,
)
from parallelrun_worker.csv_slice import SliceError

_INT64 = (-(1 << 63), (1 << 63) - 1)
_UINT64 = (0, (1 << 64) - 1)
_PLAIN = {
    "int64": plain_json.INT64,
    "uint64": plain_json.UINT64,
    "float64": plain_json.FLOAT64,
    "bool": plain_json.BOOL,
    "string": plain_json.STRING,
    "datetime": plain_json.STRING,
    "datetime_utc": plain_json.STRING,
    "object": plain_json.ANY,
    "missing": plain_json.NOTHING,
}
# From here on it pays that pyarrow makes the same object of the same text.
_MANY = 1000
_NUMBERS = {"whole", "int64", "uint64", "float64", "big"}
_WANTED = {
    "int64": "int64 (a whole number)",
    "uint64": "uint64 (a whole number)",
    "float64": "float64 (a number)",
    "bool": "bool (true or false)",
    "string": "string",
    "datetime": "datetime (a string, ISO 8601 without an offset from UTC, at most six decimals)",
    "datetime_utc": "datetime (a string, ISO 8601 with an offset from UTC, at most six decimals)",
}


def name_of(value):
    """The JSON type of a value, for messages."""
    if value is None:
        return "null"
    kind = type(value)
    if kind is bool:
        return "true" if value else "false"
    return {str: "a string", dict: "an object", list: "an array"}.get(kind, "a number")


def _base(kind):
    return kind[: -len("_or_missing")] if kind.endswith("_or_missing") else kind


def _is_gap(value):
    return value is None or value != value  # NaN


class Columns:
    def __init__(self, pandas, input_name, declared):
        self.declared = declared
        self._pandas, self._input = pandas, input_name
        self._text = None  # the type of strings in frames of this pandas
        self._arrow = None  # pyarrow; False: there is none that will do
        self._gaps_told = set()

    def infer(self, objects, columns):
        """{column: type} of a sample."""
        types = {}
        for column in columns:
            values = [one.get(column) for one in objects]
            if column not in self.declared:
                types[column] = _inferred(values)
            elif self.declared[column] == "datetime":
                types[column] = column_types.datetime_kind([text for text in values if type(text) is str])
        return {column: kind for column, kind in types.items() if kind != self.declared.get(column)}

    def frame(self, records, columns, types):
        """The DataFrame of the records with these columns. Raises SliceError."""
        known = set(columns)
        for item, one in enumerate(records.objects):
            if not known.issuperset(one):
                key = next(key for key in one if key not in known)
                raise SliceError(
                    "%s, line %d has the key %r, which is no column of input %s: no record of the sample from which "
                    "types were inferred has it; declare it: spec.inputs[%s].columns: {%s: string}"
                    % (records.path, records.line_number(item), key, self._input, self._input, key),
                    "UnknownColumn",
                )
        undecided = {}
        made = {}
        for column in columns:
            values = [one.get(column) for one in records.objects]
            kind = self._kind_of(column, types) or _inferred(values)
            if kind == "missing":
                found = _inferred([None, *values])  # it has gaps: all of the sample
                if found != "missing":
                    undecided[column] = found
                kind = "float64"
            if not undecided:
                made[column] = self._series(records, column, kind, values)
        if undecided:
            raise self._undecided(records, undecided)
        return self._pandas.DataFrame(made, columns=columns, index=range(len(records)))

    def plain_kinds(self, columns, types):
        """As plain_json.Reader.read() has them, or None where a type is not known yet."""
        kinds = {}
        for column in columns or ():
            kind = self._kind_of(column, types)
            if kind is None:
                return None
            kinds[column] = _PLAIN[_base(kind)]
            if kind == "string" and column in self.declared:
                kinds[column] = plain_json.TEXT
        return kinds or None

    def plain_frame(self, records, plain, columns, types):
        """What frame() gives, of a plain_json.Slice. Raises NotPlain."""
        made = {}
        for column in columns:
            kind = self._kind_of(column, types)
            made[column] = self._plain_series(records, column, kind, plain)
        return self._pandas.DataFrame(made, columns=columns, index=range(len(records)))

    def _kind_of(self, column, types):
        """None: it is that of each slice."""
        declared = self.declared.get(column)
        kind = types.get(column) if declared in (None, "datetime") else declared
        return kind or declared

    def _series(self, records, column, kind, values):
        import numpy

        base = _base(kind)
        if base == "object":
            return self._objects(values, [False] * len(values))
        gaps = [_is_gap(value) for value in values]
        if base == "string" and column in self.declared:
            values = self._as_text(records, column, values, gaps)
        for item, (value, gap) in enumerate(zip(values, gaps)):
            if not gap and not _FITS[base](value):
                raise self._misfit(records, item, column, base, value)
        if base in ("int64", "uint64"):
            numbers = numpy.array([0 if gap else value for value, gap in zip(values, gaps)], dtype=base)
            return self._whole(records, column, kind, numbers, numpy.array(gaps, dtype=bool))
        if base == "float64":
            return self._floats(records, column, values, gaps)
        if base == "bool":
            if kind == "bool" and True in gaps and column in self.declared:
                raise self._misfit(records, gaps.index(True), column, kind, None)
            bools = numpy.array([value is True for value in values], dtype=bool)
            return self._bools(records, column, kind, bools, numpy.array(gaps, dtype=bool))
        texts = self._texts(values, gaps)
        if base == "string":
            return texts
        try:
            return datetimes.convert(self._pandas.Series(texts), utc=base == "datetime_utc").array
        except datetimes.Unfit as unfit:
            raise self._misfit(records, unfit.item, column, base, unfit.value) from None

    def _plain_series(self, records, column, kind, plain):
        import numpy

        base = _base(kind)
        if base == "missing":
            return numpy.full(len(plain), numpy.nan)
        if base == "object":
            return self._objects(plain.values(column), [False] * len(plain))
        gaps = plain.gaps(column)
        if base in ("int64", "uint64"):
            return self._whole(records, column, kind, plain.numbers(column), gaps)
        if base == "float64":
            numbers = plain.numbers(column)
            numbers[gaps] = numpy.nan
            return numbers
        if base == "bool":
            if kind == "bool" and gaps.any() and column in self.declared:
                raise plain_json.NotPlain
            return self._bools(records, column, kind, plain.numbers(column), gaps)
        if base == "string":
            return self._plain_texts(plain, column, gaps)
        try:
            return self._plain_datetimes(plain, column, gaps, base == "datetime_utc")
        except datetimes.Unfit:
            raise plain_json.NotPlain from None

    def _whole(self, records, column, kind, numbers, gaps):
        """`numbers`: 0 for a gap."""
        import numpy

        has_gaps = gaps.any()
        if not kind.endswith("_or_missing") and not has_gaps:
            return numbers
        exact = column not in self.declared and whole_numbers.float64_holds_values(numbers)
        if not kind.endswith("_or_missing"):
            nullable = whole_numbers.NULLABLE[kind]
            self._tell_gap(records, column, gaps, "whole numbers", "float64" if exact else nullable)
        if exact:
            return numpy.where(gaps, numpy.nan, numbers.astype("float64"))
        return self._pandas.arrays.IntegerArray(numbers, gaps)

    def _floats(self, records, column, values, gaps):
        import numpy

        try:
            return numpy.array(
                [numpy.nan if gap else value for value, gap in zip(values, gaps)], dtype="float64"
            )
        except OverflowError:
            item = next(i for i, value in enumerate(values) if type(value) is int and abs(value) >> 1023)
            raise self._misfit(records, item, column, "float64", values[item]) from None

    def _bools(self, records, column, kind, values, gaps):
        if kind == "bool" and not gaps.any():
            return values
        if kind == "bool":
            self._tell_gap(records, column, gaps, "bools", "object")
        return self._object_series(values.astype(object), gaps)

    def _as_text(self, records, column, values, gaps):
        """What stands in the file, where it is no string."""
        return [
            value if gap or type(value) is str else records.texts(item)[column]
            for item, (value, gap) in enumerate(zip(values, gaps))
        ]

    def _type_of_texts(self):
        if self._text is None:
            import io

            self._text = self._pandas.read_csv(io.StringIO("a\nx\n"))["a"].dtype
        return self._text

    def _texts(self, values, gaps):
        import numpy

        text = self._type_of_texts()
        if isinstance(text, numpy.dtype):  # object, of pandas 2
            return self._objects(values, gaps)
        return self._pandas.array([None if gap else value for value, gap in zip(values, gaps)], dtype=text)

    def _plain_texts(self, plain, column, gaps):
        """The same of a plain_json.Slice."""
        import numpy

        text = self._type_of_texts()
        arrow = self._find_arrow()
        if arrow is not None and isinstance(text, numpy.dtype) and len(plain) >= _MANY:
            values = plain.arrow_texts(column, arrow).to_pandas().to_numpy()
            return self._object_series(values if values.flags.writeable else values.copy(), gaps)
        storage = getattr(text, "storage", None)
        if arrow is not None and storage == "pyarrow" and pandas_reader.is_at_least(self._pandas, 3, 0):
            return text.__from_arrow__(plain.arrow_texts(column, arrow))
        return self._texts(plain.list_of_texts(column), gaps.tolist())

    def _plain_datetimes(self, plain, column, gaps, utc):
        """Raises datetimes.Unfit."""
        arrow = self._find_arrow()
        if arrow is not None:
            moments = datetimes.convert_arrow(plain.arrow_texts(column, arrow), utc)
            if moments is not None:
                return moments.array
        return datetimes.convert(self._pandas.Series(self._plain_texts(plain, column, gaps)), utc=utc).array

    def _find_arrow(self):
        if self._arrow is None:
            self._arrow = arrow_import.find_pyarrow() or False
        return self._arrow or None

    def _objects(self, values, gaps):
        import numpy

        made = numpy.empty(len(values), dtype=object)
        for item, (value, gap) in enumerate(zip(values, gaps)):  # at once, numpy would unpack lists
            made[item] = numpy.nan if gap else value
        return self._pandas.Series(made, dtype=object)  # a frame of the array itself would infer strings

    def _object_series(self, values, gaps):
        """The same of arrays, of which it takes the first."""
        import numpy

        values[gaps] = numpy.nan
        return self._pandas.Series(values, dtype=object)

    def _undecided(self, records, types):
        error = SliceError(
            "%s, lines %d to %d: values for keys that have none in the sample from which types were inferred; declare "
            "their types: spec.inputs[%s].columns: {%s}"
            % (
                records.path,
                records.line_number(0),
                records.line_number(len(records) - 1),
                self._input,
                ", ".join("%s: string" % column for column in types),
            ),
            "UndecidedColumn",
        )
        error.undecided = types
        return error

    def _misfit(self, records, item, column, kind, value):
        if column in self.declared:
            why = "it was declared so in spec.inputs[%s].columns" % self._input
            if kind != "string":
                why += "; declare it string and convert it in run()"
        else:
            fraction = kind in ("int64", "uint64") and type(value) is float
            why = (
                "its type was inferred from a sample of the input: declare the type: spec.inputs[%s].columns: {%s: %s}"
                % (self._input, column, "float64" if fraction else "string")
            )
        return SliceError(
            "%s, line %d, key %r is %s, which does not fit %s; %s"
            % (
                records.path,
                records.line_number(item),
                column,
                _shown(records, item, column),
                _WANTED[kind],
                why,
            ),
            "ValueError",
        )

    def _tell_gap(self, records, column, gaps, what, comes_as):
        if (column, comes_as) in self._gaps_told:
            return
        self._gaps_told.add((column, comes_as))
        import sys

        sys.stderr.write(
            "parallelrun: input %s: column %r of %s has no value in %s, line %d; where it has gaps it comes as %s (said once)\n"
            % (self._input, column, what, records.path, records.line_number(int(gaps.argmax())), comes_as)
        )


def _shown(records, item, column):
    text = records.texts(item).get(column)
    if text is None:
        return "missing"
    return text if len(text) <= 80 else text[:77] + "..."


def _fits(kind, bounds=None):
    def fits(value):
        return type(value) is kind and (bounds is None or bounds[0] <= value <= bounds[1])

    return fits


_FITS = {
    "int64": _fits(int, _INT64),
    "uint64": _fits(int, _UINT64),
    "float64": lambda value: type(value) in (int, float),
    "bool": _fits(bool),
    "string": _fits(str),
    "datetime": _fits(str),
    "datetime_utc": _fits(str),
}


def _inferred(values):
    kind = None
    gaps = False
    for value in values:
        if _is_gap(value):
            gaps = True
        else:
            kind = _merge(kind, _kind(value))
    if kind is None:
        return "missing"
    kind = {"whole": "int64", "big": "object"}.get(kind, kind)
    return kind + "_or_missing" if gaps and kind in ("int64", "uint64", "bool") else kind


def _kind(value):
    """whole (0 to the largest int64), int64 (negative), uint64, big (whole, beyond 64 bits), float64, bool, string, object"""
    kind = type(value)
    if kind is int:
        if value < 0:
            return "int64" if value >= _INT64[0] else "big"
        return "whole" if value <= _INT64[1] else "uint64" if value <= _UINT64[1] else "big"
    return {float: "float64", bool: "bool", str: "string"}.get(kind, "object")


def _merge(one, other):
    if one is None or one == other:
        return other
    pair = {one, other}
    if not pair <= _NUMBERS:
        return "object"
    if "float64" in pair:
        return "float64"
    if pair == {"whole", "int64"}:
        return "int64"
    if pair == {"whole", "uint64"}:
        return "uint64"
    return "big"
