"""Whole numbers in columns with gaps: pandas makes them float64, which holds them exactly up to 2**53 and some
above. A whole number never changes its value: where float64 does not hold one, the column is a nullable array."""

import re

NULLABLE = {"int64": "Int64", "uint64": "UInt64"}
# What a type is called where it has gaps, in CSV and JSON lines and in Parquet.
_WITH_GAPS = ("_or_missing", " or missing")
_NULLABLE_OF = {
    f"{sign}int{bits}": f"{sign.upper()}Int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_WHOLE = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*\Z")
_RANGES = {"int64": (-(1 << 63), (1 << 63) - 1), "uint64": (0, (1 << 64) - 1)}
_EXACT = 1 << 53


def is_whole(text):
    return _WHOLE.match(text) is not None


def in_range(least, most, kind):
    return _RANGES[kind][0] <= least and most <= _RANGES[kind][1]


def fits(text, kind):
    return is_whole(text) and in_range(int(text), int(text), kind)


def small(numbers):
    """Whether the numbers (an array of float64) are so small that each is the whole number in the file."""
    import numpy

    return not (numpy.abs(numbers) >= _EXACT).any()


def float64_holds(texts):
    """Whether float64 holds each of the whole numbers (strings, without gaps). What is no whole number is
    taken for one that is held."""
    for text in texts.tolist():
        if len(text) > 15 and is_whole(text) and int(float(int(text))) != int(text):
            return False
    return True


def float64_holds_values(values):
    """The same of an array of int64 or uint64."""
    import numpy

    beyond = values >= _EXACT
    if values.dtype.kind == "i":
        beyond |= values <= -_EXACT
    large = values[beyond]
    if not len(large):
        return True
    held = large.astype("float64")
    # The largest of either type becomes a power of two that the type does not hold.
    inside = held < 2.0 ** (63 if values.dtype.kind == "i" else 64)
    return bool(inside.all() and numpy.array_equal(held.astype(values.dtype), large))


def nullable(texts, kind):
    """The nullable array of a Series of strings with gaps, each of which fits."""
    import numpy
    import pandas

    gaps = texts.isna().to_numpy()
    values = numpy.array([0 if gap else int(text) for text, gap in zip(texts.tolist(), gaps)], dtype=kind)
    return pandas.Series(pandas.arrays.IntegerArray(values, gaps), index=texts.index)


def restored(column, kind):
    """A column of floats as whole numbers with gaps, where `kind`, its type in the whole input, says that only a gap has made
    floats of them. Any other column as it is."""
    if kind is None or str(column.dtype) != "float64":
        return column
    for gaps in _WITH_GAPS:
        kind = kind.removesuffix(gaps)
    return column.astype(_NULLABLE_OF[kind]) if kind in _NULLABLE_OF else column
