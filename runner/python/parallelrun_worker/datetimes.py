"""Declared datetimes: ISO 8601 alone, since what else is a date would be guessed anew, and differently, in each
slice. The type is one for the whole input: microseconds, which hold the years 1 to 9999; in UTC where values
name their offset from it, without a time zone where none does."""

import datetime
import re

_USUAL = r"\s*\d{4}-?\d{2}(?:-?\d{2}(?:[T ]\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d{1,6}0*)?)?)?)?)?%s\s*\Z"
_USUALLY = {False: re.compile(_USUAL % ""), True: re.compile(_USUAL % "(?:Z|[+-]\\d{2}:?\\d{2})")}
_ISO_DATE = re.compile(r"\s*\d{4}-?\d{2}")
_OFFSET = re.compile(r"[T ]\s*\d{2}.*?(Z|z|[+-]\d{2}(:?\d{2}(:?\d{2})?)?)\s*\Z", re.DOTALL)
# Digits behind those of the microsecond that say something.
_TOO_FINE = re.compile(r"[.,]\d{6}\d*[1-9]")
_ANY_YEAR = re.compile(
    r"\s*(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,6})\d*)?)?)?\s*"
    r"(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?)?\s*\Z"
)

# 2024-02-29, 2024-02-29T12:30:00, and these with Z or +01:00.
_ARROW_LENGTHS = {False: (10, 19), True: (20, 25)}
# Microseconds since 1970 of the first and the last moment of the years 1 to 9999.
_FIRST, _LAST = -62135596800_000000, 253402300799_999999


class Unfit(Exception):
    """`item`: position among the values; `value`: as it stands in the file."""

    def __init__(self, item, value):
        super().__init__(item, value)
        self.item, self.value = item, value


def is_iso(text):
    """Whether a text is one of these at all, with or without an offset."""
    return _ANY_YEAR.match(text) is not None or any(usual.match(text) for usual in _USUALLY.values())


def name_offsets(texts):
    """Whether one of the values names its offset from UTC."""
    return any(_OFFSET.search(text) for text in texts)


def convert(texts, utc):
    """The Series of strings with gaps as datetime64[us], or datetime64[us, UTC]. Raises Unfit."""
    import pandas

    present = texts.dropna()
    usual = _USUALLY[utc].match
    for item, text in zip(present.index.tolist(), present.tolist()):
        if usual(text):
            continue
        if not _ISO_DATE.match(text) or bool(_OFFSET.search(text)) != utc or _TOO_FINE.search(text):
            raise Unfit(item, text)
    try:
        moments = pandas.to_datetime(texts, format="ISO8601", utc=utc)
    except (ValueError, OverflowError):
        return _one_by_one(texts, utc)
    return moments.dt.as_unit("us")


def convert_arrow(texts, utc):
    """What convert() gives for a pyarrow column of strings, where pyarrow reads them all as convert() does: whole
    days, or days and seconds. Else None."""
    import numpy
    import pandas
    import pyarrow
    from pyarrow import compute

    lengths = compute.min_max(compute.binary_length(texts)).as_py()
    if (
        lengths["min"] is None
        or lengths["min"] != lengths["max"]
        or lengths["min"] not in _ARROW_LENGTHS[utc]
    ):
        return None
    try:
        moments = texts.cast(pyarrow.timestamp("us", "UTC" if utc else None))
    except pyarrow.ArrowInvalid:
        return None
    values = moments.cast(pyarrow.int64()).fill_null(_FIRST).to_numpy()
    if values.min() < _FIRST or values.max() > _LAST:
        return None
    values = values.astype("datetime64[us]")
    if texts.null_count:
        values[texts.is_null().to_numpy()] = numpy.datetime64("NaT")
    series = pandas.Series(values)
    return series.dt.tz_localize(datetime.timezone.utc) if utc else series


def _one_by_one(texts, utc):
    """Where one is no date, or of a year that nanoseconds do not hold (pandas 2 knows nothing else)."""
    import numpy
    import pandas

    values = numpy.full(len(texts), "NaT", dtype="datetime64[us]")
    moments = pandas.to_datetime(texts, format="ISO8601", utc=utc, errors="coerce")
    known = moments.notna().to_numpy()
    plain = moments.dt.tz_localize(None) if utc else moments
    values[known] = plain.to_numpy()[known].astype("datetime64[us]")
    for item, text in enumerate(texts.tolist()):
        if known[item] or not isinstance(text, str):
            continue
        try:
            values[item] = _moment(text)
        except (ValueError, OverflowError):
            raise Unfit(item, text) from None
    series = pandas.Series(values, index=texts.index)
    return series.dt.tz_localize("UTC") if utc else series


def _moment(text):
    """In UTC where an offset is named. Raises ValueError, OverflowError."""
    import numpy

    match = _ANY_YEAR.match(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    moment = datetime.datetime(
        *(int(part or 0) for part in (year, month, day, hour, minute, second)),
        microsecond=int((fraction or "0").ljust(6, "0")),
    )
    if sign is not None:
        offset = datetime.timedelta(hours=int(hours), minutes=int(minutes or 0))
        moment = moment - offset if sign == "+" else moment + offset
    return numpy.datetime64(moment, "us")
