"""One type for each column of an input, whatever a single slice of it looks like.

Types are those of spec.inputs[].columns (string, int64, float64, bool, datetime), and some more that only
inference gives: uint64 for whole numbers that int64 does not hold, missing for a column without any value in
the sample, and int64_or_missing, uint64_or_missing and bool_or_missing for columns that have gaps there.
datetime_utc is a declared datetime whose values in the sample name their offset from UTC.
"""

from parallelrun_worker import datetimes, whole_numbers

_BOOLS = {"True", "TRUE", "true", "False", "FALSE", "false"}
_WANTED = {
    "int64": "int64 (a whole number)",
    "uint64": "uint64 (a whole number)",
    "int64_or_missing": "int64 (a whole number)",
    "uint64_or_missing": "uint64 (a whole number)",
    "float64": "float64 (a number)",
    "bool": "bool (true or false)",
    "bool_or_missing": "bool (true, false or empty)",
    "datetime": "datetime (ISO 8601 without an offset from UTC, at most six decimals)",
    "datetime_utc": "datetime (ISO 8601 with an offset from UTC, at most six decimals)",
}
_DTYPES = {
    "int64": "int64",
    "uint64": "uint64",
    # What pandas makes of whole numbers with gaps, while it holds them.
    "int64_or_missing": "float64",
    "uint64_or_missing": "float64",
    "float64": "float64",
    "bool": "bool",
    "datetime": str,
    "datetime_utc": str,
    "missing": "float64",
}


# For a column that was declared so; %s is its name as Python writes it.
_WAYS_OUT = {
    "int64": "declare it float64 if it has fractions, else string",
    "float64": "declare it string and convert it in run(): pandas.to_numeric(df[%s], errors='coerce')",
    "bool": "a bool is true or false (also True or TRUE) and has no gaps: declare it string and compare in run(): "
    "df[%s] == 'yes'",
    "datetime": "a datetime is ISO 8601, such as 2024-02-29 or 2024-02-29T12:30:00Z: declare it string and convert it in run(): pandas.to_datetime(df[%s], format='%%d.%%m.%%Y')",
}
_OTHER_DATETIMES = (
    "all datetimes of a column must have an offset from UTC, or none may have one, as in the sample: declare it "
    "string and convert it in run(): pandas.to_datetime(df[%s], format='ISO8601', utc=True)"
)
_WAYS_OUT["datetime_utc"] = _WAYS_OUT["datetime"]


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
        if self.kind.startswith("datetime") and self.value and datetimes.is_iso(self.value):
            words = _OTHER_DATETIMES
        return words % repr(self.column) if "%" in words else words

    def type_to_declare(self):
        """The type that holds the value, and what the column held before, where the type was inferred."""
        value = self.value or ""
        if self.kind in ("int64", "int64_or_missing") and _is_fraction(value):
            return "float64"
        return "string"


class Undecided(Exception):
    """Columns that had no value in the sample have some here. `types`: {column: its type by these records}."""

    def __init__(self, types):
        super().__init__(types)
        self.types = types


class Unparsable(Exception):
    """pandas refuses the records for a reason of its own."""


class Merger:
    """Decides types from parsed samples."""

    def __init__(self):
        self._found = {}  # column -> (kind or None, whether it has gaps)

    def add(self, frame, text):
        """`frame`: as pandas.read_csv infers it for samples under one header. `text()`: the same as strings."""
        for column in frame.columns:
            kind, gaps = _found(frame[column], lambda column=column: text()[column])
            known, other_gaps = self._found.get(column, (None, False))
            self._found[column] = (_merge(known, kind), gaps or other_gaps)

    def types(self, leave_out=()):
        return {
            column: _named(kind, gaps)
            for column, (kind, gaps) in self._found.items()
            if column not in leave_out
        }


def _named(kind, gaps):
    if kind is None:
        return "missing"
    kind = "int64" if kind == "whole" else kind
    return kind + "_or_missing" if gaps and kind in ("int64", "uint64", "bool") else kind


def _found(values, text):
    """(kind, whether there are gaps): kind is whole, int64 (whole numbers of which one is negative), uint64,
    float64, bool, string, or None where there is no value."""
    name = str(values.dtype)
    if name == "float64":
        gaps = values.isna()
        if gaps.all():
            return None, True
        if gaps.any() and (values.dropna() % 1 == 0).all():
            return _whole(text().dropna().tolist()), True
        return "float64", bool(gaps.any())
    if name == "uint64" or name == "bool":
        return name, False
    if name == "int64":
        # Beside a sample that needs uint64, the sign matters.
        return "int64" if len(values) and values.min() < 0 else "whole", False
    present = values.dropna()
    gaps = len(present) < len(values)
    if all(value is True or value is False for value in present):
        return "bool", gaps
    return "string", gaps


def _whole(texts):
    if not all(whole_numbers.is_whole(text) for text in texts):
        return "float64"
    least, most = min(map(int, texts)), max(map(int, texts))
    if least < 0:
        return "int64" if whole_numbers.in_range(least, most, "int64") else "float64"
    if whole_numbers.in_range(least, most, "int64"):
        return "whole"
    return "uint64" if whole_numbers.in_range(least, most, "uint64") else "float64"


def _merge(one, other):
    if one is None or one == other:
        return other
    if other is None:
        return one
    pair = {one, other}
    if pair == {"whole", "int64"}:
        return "int64"
    if pair == {"whole", "uint64"}:
        return "uint64"
    if pair <= {"whole", "int64", "float64", "uint64"} and pair != {"int64", "uint64"}:
        return "float64"
    return "string"


def apply(parse, types, declared, as_text, tell_gap):
    """The DataFrame of parse(dtypes) with the types {column: type or None for whatever pandas infers}.

    declared: the columns whose type was declared. as_text: a set kept between slices, of string columns that
    pandas must be told about because they hold what looks like numbers. The others are left to its inference,
    which gives the same at up to three times the speed (seen with pandas 3). tell_gap(column, item, kind): a
    column of whole numbers or bools has no value there and comes as `kind`. Raises Misfit, Undecided, Unparsable.
    """
    dtypes = {column: _DTYPES[kind] for column, kind in types.items() if kind in _DTYPES}
    for column in as_text:
        if types.get(column) == "string":
            dtypes[column] = str
    parse = _Parse(parse)
    frame, dtypes, nullable = _parse(parse, types, declared, dtypes, tell_gap)
    _require_missing(parse, types, frame)
    inferred = [
        column
        for column, kind in types.items()
        if kind == "string" and column not in dtypes and not _is_text(frame[column])
    ]
    if inferred:
        as_text.update(inferred)
        frame = parse({**dtypes, **dict.fromkeys(inferred, str)})
    for column, kind in types.items():
        if column in nullable:
            frame[column] = whole_numbers.nullable(parse.text()[column], nullable[column])
        elif kind in ("int64_or_missing", "uint64_or_missing"):
            _keep_digits(parse, frame, column, kind)
        elif kind == "bool_or_missing" or kind == "bool" and column not in dtypes:
            frame[column] = _bools(parse, frame[column], column)
        elif kind in ("datetime", "datetime_utc"):
            frame[column] = datetimes_of(frame[column], column, kind)
    return frame


class _Parse:
    """parse(dtypes), and the text of all columns, parsed once when it is asked for."""

    def __init__(self, parse):
        self._parse = parse
        self._text = None

    def __call__(self, dtypes):
        return self._parse(dtypes)

    def text(self):
        if self._text is None:
            self._text = self._parse(str)
        return self._text


def _is_text(values):
    """Whether the values are strings, all or with gaps: what read_csv infers is of one kind otherwise."""
    if str(values.dtype) not in ("object", "str"):
        return False
    first = values.array[0] if len(values) else None
    if not isinstance(first, str):
        index = values.first_valid_index()
        first = None if index is None else values[index]
    if not isinstance(first, str):
        return False
    # Of whole numbers that only uint64 holds, with gaps, read_csv makes strings, and empty ones of the gaps.
    return not whole_numbers.is_whole(first or "0") or not (values == "").any()


def _parse(parse, types, declared, dtypes, tell_gap):
    """(frame, dtypes, {column that shall be a nullable array of whole numbers: its type})"""
    try:
        return parse(dtypes), dtypes, {}
    except (ValueError, OverflowError, TypeError) as error:
        dtypes, nullable = _with_gaps(parse, types, declared, dtypes, tell_gap, error)
    try:
        return parse(dtypes), dtypes, nullable
    except (ValueError, OverflowError, TypeError) as error:
        raise Unparsable(str(error)) from None


def _with_gaps(parse, types, declared, dtypes, tell_gap, error):
    """After a try with the plain types failed: finds out why, and gives the types for another."""
    try:
        text = parse.text()
    except ValueError:
        raise Unparsable(str(error)) from None
    _require_missing(parse, types, text)
    gaps = []
    nullable = {}
    dtypes = dict(dtypes)
    for column, kind in types.items():
        if kind in ("string", "datetime", "datetime_utc", None) or column not in text:
            continue
        values = text[column]
        missing = values.isna()
        if kind in ("int64", "uint64"):
            _require(column, kind, values, missing, lambda value: whole_numbers.fits(value, kind))
            if not missing.any():
                continue
            if column in declared or not whole_numbers.float64_holds(values.dropna()):
                nullable[column] = kind
                dtypes[column] = str
            else:
                dtypes[column] = "float64"
            gaps.append((column, missing, whole_numbers.NULLABLE[kind] if column in nullable else "float64"))
        elif kind in ("float64", "int64_or_missing", "uint64_or_missing"):
            _require_number(column, values, missing)
        elif kind in ("bool", "bool_or_missing"):
            _require(column, kind, values, missing, _BOOLS.__contains__)
            if kind == "bool" and missing.any():
                if column in declared:
                    raise Misfit(column, int(missing.to_numpy().argmax()), None, kind)
                del dtypes[column]
                gaps.append((column, missing, "object"))
    if not gaps:
        raise Unparsable(str(error))
    for column, missing, comes_as in gaps:
        tell_gap(column, int(missing.to_numpy().argmax()), comes_as)
    return dtypes, nullable


def _require(column, kind, values, missing, fits):
    for item, (value, gap) in enumerate(zip(values.tolist(), missing.tolist())):
        if not gap and not fits(value):
            raise Misfit(column, item, value, kind)


def _require_missing(parse, types, frame):
    """Raises Undecided where a column of type missing has a value."""
    found = [c for c, kind in types.items() if kind == "missing" and c in frame and frame[c].notna().any()]
    if not found:
        return
    inferred = parse({})
    text = parse.text()
    # It has gaps: all of the sample.
    raise Undecided({c: _named(_found(inferred[c], lambda c=c: text[c])[0], True) for c in found})


def _require_number(column, values, missing):
    import pandas

    numbers = pandas.to_numeric(values, errors="coerce")
    bad = (numbers.isna() & ~missing).to_numpy()
    if bad.any():
        item = int(bad.argmax())
        raise Misfit(column, item, values.iloc[item], "float64")


def _is_fraction(text):
    try:
        float(text)
        return "_" not in text and not whole_numbers.is_whole(text)
    except ValueError:
        return False


def _keep_digits(parse, frame, column, kind):
    """Where float64 does not hold each of the whole numbers, they come as a nullable array."""
    if whole_numbers.small(frame[column].to_numpy()):
        return
    text = parse.text()[column]
    if not whole_numbers.float64_holds(text.dropna()):
        base = kind[: -len("_or_missing")]
        _require(column, kind, text, text.isna(), lambda value: whole_numbers.fits(value, base))
        frame[column] = whole_numbers.nullable(text, base)


def _bools(parse, values, column):
    """As read_csv gives a column of bools with gaps: objects."""
    name = str(values.dtype)
    if name == "bool" or name == "float64" and values.isna().all():
        return values.astype(object)
    if name == "object" and all(value is True or value is False for value in values.dropna()):
        return values
    text = parse.text()[column]
    _require(column, "bool_or_missing", text, text.isna(), _BOOLS.__contains__)
    return values


def datetimes_of(values, column, kind):
    """The Series of a declared datetime from that of its texts. Raises Misfit."""
    try:
        return datetimes.convert(values, utc=kind == "datetime_utc")
    except datetimes.Unfit as unfit:
        raise Misfit(column, unfit.item, unfit.value, kind) from None


def datetime_kind(texts):
    """What a declared datetime column is, by the values of a sample."""
    return "datetime_utc" if datetimes.name_offsets(texts) else "datetime"
