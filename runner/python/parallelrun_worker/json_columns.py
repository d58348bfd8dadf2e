"""The columns of JSON lines: one type for each in the whole input, by the JSON types of its values.

Types are named as in column_types.py, and `object`: values of several types, objects, arrays and whole numbers beyond
64 bits, which stay what json.loads makes of them."""

from parallelrun_worker import column_types, datetimes
from parallelrun_worker.csv_slice import SliceError

_INT64 = (-(1 << 63), (1 << 63) - 1)
_UINT64 = (0, (1 << 64) - 1)
_EXACT = 1 << 53
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


def _is_gap(value):
    return value is None or value != value  # NaN


class Columns:
    def __init__(self, pandas, input_name, declared):
        self.declared = declared
        self._pandas, self._input = pandas, input_name
        self._text = None  # the type of strings in frames of this pandas
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
            declared = self.declared.get(column)
            kind = types.get(column) if declared in (None, "datetime") else declared
            kind = kind or declared or _inferred(values)
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

    def _series(self, records, column, kind, values):
        import numpy

        base = kind[: -len("_or_missing")] if kind.endswith("_or_missing") else kind
        if base == "object":
            return self._objects(values, [False] * len(values))
        gaps = [_is_gap(value) for value in values]
        if base == "string" and column in self.declared:
            values = self._as_text(records, column, values, gaps)
        for item, (value, gap) in enumerate(zip(values, gaps)):
            if not gap and not _FITS[base](value):
                raise self._misfit(records, item, column, base, value)
        has_gaps = True in gaps
        if base in ("int64", "uint64"):
            return self._whole(records, column, kind, base, values, gaps)
        if base == "float64":
            return self._floats(records, column, values, gaps)
        if base == "bool":
            if kind == "bool" and not has_gaps:
                return numpy.array(values, dtype=bool)
            if kind == "bool":
                if column in self.declared:
                    raise self._misfit(records, gaps.index(True), column, kind, None)
                self._tell_gap(records, column, gaps, "bools", "object")
            return self._objects(values, gaps)
        texts = self._texts(values, gaps)
        if base == "string":
            return texts
        try:
            return datetimes.convert(self._pandas.Series(texts), utc=base == "datetime_utc").array
        except datetimes.Unfit as unfit:
            raise self._misfit(records, unfit.item, column, base, unfit.value) from None

    def _whole(self, records, column, kind, base, values, gaps):
        import numpy

        if kind == base and True not in gaps:
            return numpy.array(values, dtype=base)
        exact = column not in self.declared and all(
            gap or -_EXACT <= value <= _EXACT or int(float(value)) == value
            for value, gap in zip(values, gaps)
        )
        if kind == base:
            nullable = {"int64": "Int64", "uint64": "UInt64"}[base]
            self._tell_gap(records, column, gaps, "whole numbers", "float64" if exact else nullable)
        if exact:
            return numpy.array(
                [numpy.nan if gap else value for value, gap in zip(values, gaps)], dtype="float64"
            )
        numbers = numpy.array([0 if gap else value for value, gap in zip(values, gaps)], dtype=base)
        return self._pandas.arrays.IntegerArray(numbers, numpy.array(gaps))

    def _floats(self, records, column, values, gaps):
        import numpy

        try:
            return numpy.array(
                [numpy.nan if gap else value for value, gap in zip(values, gaps)], dtype="float64"
            )
        except OverflowError:
            item = next(i for i, value in enumerate(values) if type(value) is int and abs(value) >> 1023)
            raise self._misfit(records, item, column, "float64", values[item]) from None

    def _as_text(self, records, column, values, gaps):
        """What stands in the file, where it is no string."""
        return [
            value if gap or type(value) is str else records.texts(item)[column]
            for item, (value, gap) in enumerate(zip(values, gaps))
        ]

    def _texts(self, values, gaps):
        import numpy

        if self._text is None:
            import io

            self._text = self._pandas.read_csv(io.StringIO("a\nx\n"))["a"].dtype
        if isinstance(self._text, numpy.dtype):  # object, of pandas 2
            return self._objects(values, gaps)
        return self._pandas.array(
            [None if gap else value for value, gap in zip(values, gaps)], dtype=self._text
        )

    def _objects(self, values, gaps):
        import numpy

        made = numpy.empty(len(values), dtype=object)
        for item, (value, gap) in enumerate(zip(values, gaps)):  # at once, numpy would unpack lists
            made[item] = numpy.nan if gap else value
        return self._pandas.Series(made, dtype=object)  # a frame of the array itself would infer strings

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
            % (self._input, column, what, records.path, records.line_number(gaps.index(True)), comes_as)
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
