"""One type for each column of an input, whatever a single slice of it looks like.

Types are those of spec.inputs[].columns (string, int64, float64, bool, datetime), and three more that only
inference gives: uint64 for whole numbers that int64 does not hold, bool_or_missing for a column of objects
True, False and NaN, and missing for one without any value in the sample.
"""

import re

_WHOLE = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*\Z")
_ISO_DATE = re.compile(r"\s*\d{4}-?\d{2}")
_BOOLS = {"True", "TRUE", "true", "False", "FALSE", "false"}
_RANGES = {"int64": (-(1 << 63), (1 << 63) - 1), "uint64": (0, (1 << 64) - 1)}
_WANTED = {
    "int64": "whole number (int64)",
    "uint64": "whole number (uint64)",
    "float64": "number (float64)",
    "bool": "bool (true or false)",
    "bool_or_missing": "bool (true, false or empty)",
    "datetime": "ISO 8601 date or time",
}
_DTYPES = {
    "int64": "int64",
    "uint64": "uint64",
    "float64": "float64",
    "bool": "bool",
    "datetime": str,
    "missing": "float64",
}


# For a column that was declared so; %s is its name as Python writes it.
_WAYS_OUT = {
    "int64": "declare it float64 where it has fractions, or string",
    "float64": "declare it string and convert it in run(): pandas.to_numeric(df[%s], errors='coerce')",
    "bool": "bool is true or false, as True or TRUE too, and has no gaps: declare it string and compare in run(): "
    "df[%s] == 'yes'",
    "datetime": "datetime is ISO 8601, as in 2024-02-29 or 2024-02-29T12:30:00Z: declare it string and convert it in "
    "run(): pandas.to_datetime(df[%s], format='%%d.%%m.%%Y')",
}


class Misfit(Exception):
    """A value that does not fit its column's type. `item`: its record among those that are not blank;
    `value`: as it stands in the file, None for a gap."""

    def __init__(self, column, item, value, kind):
        super().__init__(column, item, value, kind)
        self.column, self.item, self.value, self.kind = column, item, value, kind

    @property
    def wanted(self):
        return _WANTED[self.kind]

    def way_out(self):
        """What to do where the type was declared."""
        words = _WAYS_OUT[self.kind]
        return words % repr(self.column) if "%" in words else words


class Unparsable(Exception):
    """pandas refuses the records for a reason of its own."""


class Merger:
    """Decides types from parsed samples."""

    def __init__(self):
        self._types = {}

    def add(self, frame):
        """`frame`: as pandas.read_csv infers it for samples under one header."""
        for column in frame.columns:
            found = _type_of(frame[column])
            self._types[column] = _merge(self._types.get(column, found), found)

    def types(self, leave_out=()):
        return {
            column: "int64" if kind == "whole" else kind
            for column, kind in self._types.items()
            if column not in leave_out
        }


def _type_of(values):
    name = str(values.dtype)
    if name == "float64":
        return "missing" if values.isna().all() else "float64"
    if name == "uint64" or name == "bool":
        return name
    if name == "int64":
        # Beside a sample that needs uint64, the sign matters.
        return "int64" if len(values) and values.min() < 0 else "whole"
    if all(value is True or value is False for value in values.dropna()):
        return "bool_or_missing"
    return "string"


def _merge(one, other):
    if one == other:
        return one
    pair = {one, other}
    if "missing" in pair:
        (kind,) = pair - {"missing"}
        return {"whole": "float64", "int64": "float64", "uint64": "float64", "bool": "bool_or_missing"}.get(
            kind, kind
        )
    if pair <= {"bool", "bool_or_missing"}:
        return "bool_or_missing"
    if pair == {"whole", "int64"}:
        return "int64"
    if pair == {"whole", "uint64"}:
        return "uint64"
    if pair <= {"whole", "int64", "float64", "uint64"} and pair != {"int64", "uint64"}:
        return "float64"
    return "string"


def apply(parse, types, as_text, tell_gap):
    """The DataFrame of parse(dtypes) with the types {column: type or None for whatever pandas infers}.

    as_text: a set kept between slices, of string columns that pandas must be told about because they hold
    what looks like numbers. The others are left to its inference, which gives the same at up to three times
    the speed (seen with pandas 3). tell_gap(column, item): a whole-number column has no value there and
    comes as float64. Raises Misfit, Unparsable."""
    dtypes = {column: _DTYPES[kind] for column, kind in types.items() if kind in _DTYPES}
    for column in as_text:
        if types.get(column) == "string":
            dtypes[column] = str
    frame, dtypes = _parse(parse, types, dtypes, tell_gap)
    inferred = [
        column
        for column, kind in types.items()
        if kind == "string" and column not in dtypes and not _is_text(frame[column])
    ]
    if inferred:
        as_text.update(inferred)
        frame = parse({**dtypes, **dict.fromkeys(inferred, str)})
    for column, kind in types.items():
        if kind == "bool_or_missing":
            frame[column] = _bools(parse, frame[column], column)
        elif kind == "datetime":
            frame[column] = _datetimes(frame[column], column)
    return frame


def _is_text(values):
    """Whether the values are strings, all or with gaps: what read_csv infers is of one kind otherwise."""
    name = str(values.dtype)
    if name != "object":
        return name == "str"
    first = values.first_valid_index()
    return first is not None and isinstance(values[first], str)


def _parse(parse, types, dtypes, tell_gap):
    try:
        return parse(dtypes), dtypes
    except (ValueError, OverflowError, TypeError) as error:
        dtypes = _with_gaps(parse, types, dtypes, tell_gap, error)
    try:
        return parse(dtypes), dtypes
    except (ValueError, OverflowError, TypeError) as error:
        raise Unparsable(str(error)) from None


def _with_gaps(parse, types, dtypes, tell_gap, error):
    """After a try with the plain types failed: finds out why, and gives the types for another."""
    try:
        text = parse(str)
    except ValueError:
        raise Unparsable(str(error)) from None
    gaps = []
    for column, kind in types.items():
        if kind in ("string", "datetime", None) or column not in text:
            continue
        values = text[column]
        missing = values.isna()
        if kind in _RANGES:
            if missing.any():
                gaps.append((column, int(missing.to_numpy().argmax())))
            _require(column, kind, values, missing, lambda value: _fits(value, _RANGES[kind]))
        elif kind in ("float64", "missing"):
            _require_number(column, values, missing)
        elif kind in ("bool", "bool_or_missing"):
            if kind == "bool" and missing.any():
                raise Misfit(column, int(missing.to_numpy().argmax()), None, kind)
            _require(column, kind, values, missing, _BOOLS.__contains__)
    if not gaps:
        raise Unparsable(str(error))
    for column, item in gaps:
        tell_gap(column, item)
    return {**dtypes, **{column: "float64" for column, _ in gaps}}


def _fits(value, bounds):
    return _WHOLE.match(value) is not None and bounds[0] <= int(value) <= bounds[1]


def _require(column, kind, values, missing, fits):
    for item, (value, gap) in enumerate(zip(values.tolist(), missing.tolist())):
        if not gap and not fits(value):
            raise Misfit(column, item, value, kind)


def _require_number(column, values, missing):
    import pandas

    numbers = pandas.to_numeric(values, errors="coerce")
    bad = (numbers.isna() & ~missing).to_numpy()
    if bad.any():
        item = int(bad.argmax())
        raise Misfit(column, item, values.iloc[item], "float64")


def _bools(parse, values, column):
    """As read_csv gives a column of bools with gaps: objects."""
    name = str(values.dtype)
    if name == "bool" or name == "float64" and values.isna().all():
        return values.astype(object)
    if name == "object" and all(value is True or value is False for value in values.dropna()):
        return values
    text = parse(str)[column]
    _require(column, "bool_or_missing", text, text.isna(), _BOOLS.__contains__)
    return values


def _datetimes(values, column):
    """ISO 8601 alone: what else is a date would be guessed anew, and differently, in each slice."""
    import pandas

    options = {"format": "ISO8601"} if int(pandas.__version__.split(".")[0]) >= 2 else {}
    present = values.dropna()
    for item, value in zip(present.index.tolist(), present.tolist()):
        if not _ISO_DATE.match(value):
            raise Misfit(column, item, value, "datetime")
    try:
        return _nanoseconds(pandas.to_datetime(values, **options))
    except (ValueError, OverflowError):
        pass
    moments = pandas.to_datetime(values, errors="coerce", utc=True, **options)
    bad = (moments.isna() & ~values.isna()).to_numpy()
    if bad.any():
        item = int(bad.argmax())
        raise Misfit(column, item, values.iloc[item], "datetime")
    return _nanoseconds(moments)  # offsets from UTC that differ


def _nanoseconds(moments):
    return moments.dt.as_unit("ns") if hasattr(moments.dt, "as_unit") else moments
