"""The text of what run() returns: str() of each element, but numpy's values are written whole and plainly, alone
and inside lists, tuples, dicts and sets: no `...`, no line breaks, 0.93 and not np.float64(0.93). Rows of pandas
are not cut either."""

import collections
import sys

_PLAIN = {str, int, float, bool, bytes, complex, type(None)}


def texts_of(elements):
    """One text for each element. Raises what an element's own __str__ raises."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return list(map(str, elements))
    elements = list(elements)
    others = set(map(type, elements)) - _PLAIN
    if not others:
        return list(map(str, elements))
    if not any(_is_of_pandas(kind) for kind in others):
        return [str(element) if type(element) in _PLAIN else text_of(element, numpy) for element in elements]
    pandas = sys.modules["pandas"]
    whole = ("display.max_rows", None, "display.max_columns", None, "display.max_colwidth", None)
    with pandas.option_context(*whole, "display.width", sys.maxsize, "display.max_seq_items", None):
        return [text_of(element, numpy) for element in elements]


def _is_of_pandas(kind):
    return kind.__module__.partition(".")[0] == "pandas"


def text_of(element, numpy):
    try:
        if isinstance(element, numpy.ndarray):
            return _array(element, " ", str, numpy)
        if isinstance(element, numpy.generic):
            return str(element)
        return str(_shown(element, numpy))
    except RecursionError:  # a list that holds itself: str() knows
        return str(element)


class _Text:
    """Stands for a value inside a container: its repr() is the text."""

    __slots__ = ("_text",)

    def __init__(self, text):
        self._text = text

    def __repr__(self):
        return self._text


def _shown(value, numpy):
    """The value, or a copy of the container in which _Text stands for what is numpy's."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, numpy.generic):
        return _scalar(value, numpy)
    if isinstance(value, numpy.ndarray):
        return _Text(_array(value, ", ", repr, numpy))
    if isinstance(value, dict):
        return _shown_dict(value, numpy)
    if isinstance(value, (list, tuple, set, frozenset, collections.deque)):
        return _shown_sequence(value, numpy)
    return value


def _shown_dict(value, numpy):
    items = [(_shown(key, numpy), _shown(item, numpy)) for key, item in value.items()]
    if all(a is b and c is d for (a, c), (b, d) in zip(items, value.items())) or not _usual(value):
        return value
    if type(value) is dict:
        # A dict of keys that are _Text: each is itself, so none is lost.
        return dict(items)
    import copy

    shown = copy.copy(value)
    shown.clear()
    for key, item in items:
        shown[key] = item
    return shown


def _shown_sequence(value, numpy):
    items = [_shown(item, numpy) for item in value]
    if all(a is b for a, b in zip(items, value)) or not _usual(value):
        return value
    if hasattr(value, "_make"):  # a namedtuple
        return value._make(items)
    kind = type(value)
    return kind(items, value.maxlen) if isinstance(value, collections.deque) else kind(items)


def _usual(value):
    """Whether its text is made of those of its items, as the builtin's is."""
    kind = type(value)
    if kind in (list, tuple, set, frozenset, dict) or hasattr(value, "_make"):
        return True
    return kind.__module__ == "collections"


def _scalar(value, numpy):
    """repr() inside a container."""
    if isinstance(value, (numpy.str_, numpy.bytes_, numpy.datetime64, numpy.timedelta64)):
        plain = bytes(value) if isinstance(value, numpy.bytes_) else str(value)
        return _Text(repr(plain))
    if isinstance(value, numpy.void) and value.dtype.names:
        return _Text(repr(_shown(value.item(), numpy)))
    return _Text(str(value))


def _array(array, separator, convert, numpy):
    if array.ndim == 0:
        item = array[()]
        return convert(_shown(item, numpy)) if not isinstance(item, numpy.generic) else str(item)
    if array.ndim > 1:
        return "[" + separator.join(_array(row, separator, convert, numpy) for row in array) + "]"
    kind = array.dtype.kind
    if kind in "iub" or array.dtype == "float64":
        texts = map(str, array.tolist())
    elif kind in "US":
        texts = map(convert, array.tolist())
    elif kind in "fcmM":
        texts = map(str, array)
    else:
        texts = (convert(_shown(item, numpy)) for item in array.tolist())
    return "[" + separator.join(texts) + "]"
