"""Values of Python, numpy and pandas as JSON has them: what the formats of rows that keep more than a text have in common.

Nothing is changed in silence but what everybody writes as a value that is missing: NaN, NaT, NA. What has no such form
raises Unfit.
"""

import datetime
import sys
from array import array
from json import JSONEncoder, dumps
from math import isfinite

from parallelrun_worker.failures import ContractError
from parallelrun_worker.results import type_name

AS_IS = frozenset((str, int, bool, type(None)))
# Of a plain value. What holds itself is a RecursionError.
as_json = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class Unfit(Exception):
    """A value that has no plain form. `steps` lead to it from the element, innermost first."""

    def __init__(self, what):
        super().__init__(what)
        self.steps = []


def where(which, steps):
    """ "element 3 of the result, at ['a'][0]," of "element 3" and an Unfit's steps."""
    path = "".join("[%s]" % step for step in reversed(steps))
    return "%s of the result%s" % (which, ", at %s," % path if path else "")


def plain(value):
    """The value, made of dicts with str keys, lists, str, int, finite float, bool and None alone. Raises Unfit."""
    kind = type(value)
    if kind in AS_IS:
        return value
    if kind is float:
        return _number(value)
    if kind is dict:
        return _object(value)
    if kind is list or kind is tuple:
        return list_of(value)
    return _other(value)


def _number(value):
    """null for NaN; there is no word for the infinite."""
    if isfinite(value):
        return value
    if value != value:
        return None
    raise Unfit("the float %r" % value)


def list_of(values):
    kinds = set(map(type, values))
    if kinds <= AS_IS or kinds == {float} and all(map(isfinite, values)):
        return values
    out = []
    for value in values:
        try:
            out.append(plain(value))
        except Unfit as unfit:
            unfit.steps.append(len(out))
            raise
    return out


def _object(value):
    out = {}
    for key, item in value.items():
        name = key if type(key) is str else name_of(key)
        if name in out:
            raise Unfit("a dict with two keys %r" % name)
        try:
            out[name] = plain(item)
        except Unfit as unfit:
            unfit.steps.append(repr(name))
            raise
    return out


def name_of(key):
    """The str that a key becomes. Raises Unfit where that is nobody's convention."""
    try:
        name = plain(key)
    except Unfit:
        name = None
    if isinstance(name, str):
        return name
    if isinstance(name, (int, float)):
        return dumps(name)
    raise Unfit("a dict with the key %.100r (%s)" % (key, type_name(key)))


def _other(value):
    """What is none of JSON's own types but means one of their values."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):  # bool cannot be derived from
        return int(value)
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, (list, tuple)):
        return list_of(list(value))
    if isinstance(value, array):
        return list_of(value.tolist())
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NaT or value is getattr(pandas, "NA", pandas.NaT)):
        return None
    if isinstance(value, (datetime.date, datetime.time)):  # datetime and pandas.Timestamp are dates
        return value.isoformat()
    if numpy is not None and isinstance(value, numpy.ndarray):
        return of_array(value, numpy)
    if numpy is not None and isinstance(value, numpy.generic):
        return _of_scalar(value, numpy)
    raise Unfit(described(value))


def _of_scalar(value, numpy):
    if isinstance(value, numpy.bool_):
        return bool(value)
    if isinstance(value, numpy.integer) and not isinstance(value, numpy.timedelta64):
        return int(value)
    if isinstance(value, (numpy.float16, numpy.float32)):
        # The shortest number that is this one in its own precision: 0.1 and not 0.10000000149011612.
        return _number(float(str(value)))
    if isinstance(value, numpy.datetime64):
        return None if numpy.isnat(value) else str(value)
    if isinstance(value, numpy.void) and value.dtype.names:
        return _object(dict(zip(value.dtype.names, value)))
    raise Unfit(described(value))


def of_array(values, numpy):
    return plain(values[()]) if values.ndim == 0 else list_of(elements(values, numpy))


def elements(values, numpy):
    """Of an array of at least one dimension, as cheaply as its type allows."""
    if values.dtype.kind in "iubU" or values.dtype == "float64" or isinstance(values, numpy.ma.MaskedArray):
        return values.tolist()
    if values.ndim == 1 and values.dtype in ("float32", "float16"):
        return list(map(float, map(str, values)))  # as _of_scalar() does it
    return list(values)


def column_values(column):
    kind = column.dtype.kind if hasattr(column.dtype, "kind") else "O"
    numpy = sys.modules["numpy"]
    if isinstance(column.dtype, numpy.dtype) and kind in "iubf":
        return of_array(column.to_numpy(), numpy)
    return list_of(list(column))


def column_names(frame):
    names = []
    for label in frame.columns:
        try:
            names.append(name_of(label))
        except Unfit:
            raise ContractError(
                "the DataFrame has the column %.100r (%s), which cannot be the name of a column of rows; "
                "rename the columns: each needs a name of its own that is a str" % (label, type_name(label)),
                "TypeError",
            ) from None
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ContractError(
            "the DataFrame has two columns %r, and rows have each name once; rename one" % twice,
            "ValueError",
        )
    return names


# How to make one of JSON's values of it; by the name of the type, or of one that it is derived from.
_HINTS = {
    "bytes": "base64.b64encode(...).decode() converts it to a str",
    "set": "sorted(...) converts it to a list",
    "frozenset": "sorted(...) converts it to a list",
    "datetime.timedelta": ".total_seconds() converts it to a number",
    "decimal.Decimal": "float(...) converts it to a number, str(...) keeps each digit",
    "pandas.Series": ".to_dict() converts it to an object, .tolist() to a list",
    "pandas.DataFrame": ".to_dict('records') converts it to a list of objects",
    "torch.Tensor": ".tolist() converts it to a list",
}


def described(value):
    name = type_name(value)
    words = "%s %s" % ("an" if name[0] in "aeiouAEIOU" else "a", name)
    for kind in type(value).__mro__:
        root, _, _ = kind.__module__.partition(".")
        hint = _HINTS.get(kind.__qualname__ if root == "builtins" else "%s.%s" % (root, kind.__qualname__))
        if hint:
            return "%s (%s)" % (words, hint)
    return words
