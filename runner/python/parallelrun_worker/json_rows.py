"""What run() returned, as JSON lines: one JSON value for each element, one object for each row of a DataFrame.

Nothing is changed in silence but what JSON has no word for and everybody writes as null: NaN, NaT, NA. Any other value
that JSON cannot hold is an error that names the element and the type.
"""

import datetime
import json
import sys
from array import array
from math import isfinite

from parallelrun_worker.failures import ContractError
from parallelrun_worker.results import kind_of, rows_as_bytes, type_name

_WAY_OUT = "convert it to a str, a number, a list or a dict first, or remove output.format to get text rows"
_AS_IS = frozenset((str, int, bool, type(None)))
# Line ends for readers that take more than "\n" for one; in JSON they can only stand inside a string.
_LINE_ENDS = (("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
_text_of = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class JsonRows:
    """The RowEncoder of output.format: jsonl."""

    def encode(self, result):
        kind = kind_of(result)
        if kind == "frame":
            return _joined(map(_text_of, _records(result)), "row")
        if kind in ("array1d", "array2d"):
            result = _elements(result, sys.modules["numpy"])
        return _joined((_text_of(_plain(element)) for element in result), "element")


class _Unfit(Exception):
    """A value that JSON cannot hold. `steps` lead to it from the element, innermost first."""

    def __init__(self, what):
        super().__init__(what)
        self.steps = []


def _joined(each, noun):
    """(count, rows) of the texts that the iterator gives, or why it does not."""
    texts = []
    try:
        texts.extend(each)  # keeps what it had where `each` raises
    except _Unfit as unfit:
        raise _cannot_hold("%s %d" % (noun, len(texts)), unfit.steps, unfit) from None
    except RecursionError:
        raise ContractError(
            "%s %d of the result is nested too deep for JSON, or contains itself; %s"
            % (noun, len(texts), _WAY_OUT),
            "RecursionError",
        ) from None
    except ValueError as error:  # a whole number of more digits than Python writes
        raise ContractError(
            "%s %d of the result cannot be written as JSON: %s; %s" % (noun, len(texts), error, _WAY_OUT),
            "ValueError",
        ) from None
    if not texts:
        return 0, b""
    rows = "\n".join(texts) + "\n"
    for end, escape in _LINE_ENDS:
        if end in rows:
            rows = rows.replace(end, escape)
    try:
        return len(texts), rows_as_bytes(rows)
    except UnicodeEncodeError:
        raise _not_utf8(texts, noun) from None


def _cannot_hold(which, steps, unfit):
    path = "".join("[%s]" % step for step in reversed(steps))
    where = "%s of the result%s" % (which, ", at %s," % path if path else "")
    return ContractError("%s is %s, which JSON cannot hold; %s" % (where, unfit, _WAY_OUT), "TypeError")


def _not_utf8(texts, noun):
    """A file name that is not UTF-8, say, which JSON has no way to write."""
    for index, text in enumerate(texts):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            break
    return ContractError(
        "%s %d of the result contains a str with a lone surrogate (for example a file name that is not UTF-8), which "
        "JSON cannot hold; write for example os.fsencode(name).hex(), or remove output.format to get text rows"
        % (noun, index),
        "UnicodeEncodeError",
    )


def _plain(value):
    """The value, made of dicts with str keys, lists, str, int, finite float, bool and None alone. Raises _Unfit."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind is float:
        return _number(value)
    if kind is dict:
        return _object(value)
    if kind is list or kind is tuple:
        return _list(value)
    return _other(value)


def _number(value):
    """null for NaN; there is no word for the infinite."""
    if isfinite(value):
        return value
    if value != value:
        return None
    raise _Unfit("the float %r" % value)


def _list(values):
    kinds = set(map(type, values))
    if kinds <= _AS_IS or kinds == {float} and all(map(isfinite, values)):
        return values
    out = []
    for value in values:
        try:
            out.append(_plain(value))
        except _Unfit as unfit:
            unfit.steps.append(len(out))
            raise
    return out


def _object(value):
    out = {}
    for key, item in value.items():
        name = key if type(key) is str else _name(key)
        if name in out:
            raise _Unfit("a dict with two keys %r" % name)
        try:
            out[name] = _plain(item)
        except _Unfit as unfit:
            unfit.steps.append(repr(name))
            raise
    return out


def _name(key):
    """The str that a key becomes. Raises _Unfit where that is nobody's convention."""
    try:
        plain = _plain(key)
    except _Unfit:
        plain = None
    if isinstance(plain, str):
        return plain
    if isinstance(plain, (int, float)):
        return _text_of(plain)
    raise _Unfit("a dict with the key %.100r (%s)" % (key, type_name(key)))


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
        return _list(list(value))
    if isinstance(value, array):
        return _list(value.tolist())
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NaT or value is getattr(pandas, "NA", pandas.NaT)):
        return None
    if isinstance(value, (datetime.date, datetime.time)):  # datetime and pandas.Timestamp are dates
        return value.isoformat()
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _of_array(value, numpy)
    if numpy is not None and isinstance(value, numpy.generic):
        return _of_scalar(value, numpy)
    raise _Unfit(_described(value))


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
    raise _Unfit(_described(value))


def _of_array(values, numpy):
    return _plain(values[()]) if values.ndim == 0 else _list(_elements(values, numpy))


def _elements(values, numpy):
    """Of an array of at least one dimension, as cheaply as its type allows."""
    if values.dtype.kind in "iubU" or values.dtype == "float64" or isinstance(values, numpy.ma.MaskedArray):
        return values.tolist()
    if values.ndim == 1 and values.dtype in ("float32", "float16"):
        return list(map(float, map(str, values)))  # as _of_scalar() does it
    return list(values)


def _records(frame):
    """A dict for each row."""
    names = _column_names(frame)
    columns = []
    for name, (_, column) in zip(names, frame.items()):
        try:
            columns.append(_column(column))
        except _Unfit as unfit:
            row = unfit.steps.pop()
            raise _cannot_hold("row %d" % row, [*unfit.steps, repr(name)], unfit) from None
    if not columns:
        return [{} for _ in range(len(frame))]
    return [dict(zip(names, row)) for row in zip(*columns)]


def _column(column):
    kind = column.dtype.kind if hasattr(column.dtype, "kind") else "O"
    numpy = sys.modules["numpy"]
    if isinstance(column.dtype, numpy.dtype) and kind in "iubf":
        return _of_array(column.to_numpy(), numpy)
    return _list(list(column))


def _column_names(frame):
    names = []
    for label in frame.columns:
        try:
            names.append(_name(label))
        except _Unfit:
            raise ContractError(
                "the DataFrame has the column %.100r (%s), which cannot be the name of a member of a JSON object; "
                "rename the columns: each needs a name of its own that is a str" % (label, type_name(label)),
                "TypeError",
            ) from None
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ContractError(
            "the DataFrame has two columns %r, and a JSON object has each name once; rename one" % twice,
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


def _described(value):
    name = type_name(value)
    words = "%s %s" % ("an" if name[0] in "aeiouAEIOU" else "a", name)
    for kind in type(value).__mro__:
        root, _, _ = kind.__module__.partition(".")
        hint = _HINTS.get(kind.__qualname__ if root == "builtins" else "%s.%s" % (root, kind.__qualname__))
        if hint:
            return "%s (%s)" % (words, hint)
    return words
