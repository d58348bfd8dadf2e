"""What run() may return, and how many elements that has; how they are written is a RowEncoder's (row_encoder.py)."""

import sys
from array import array

from parallelrun_worker.failures import ContractError
from parallelrun_worker.frames import MAX_FRAME_BYTES

_RULE = "run() must return a list, tuple, array, Series or DataFrame with one element for each item that succeeded"


def count_elements(result):
    """How many elements a result of a right type has; its content is not looked at.

    Raises ContractError for any other type."""
    kind_of(result)
    return len(result)


def kind_of(result):
    """ "array1d", "array2d", "frame" or "sequence" (what is none of the three, a Series among them).

    Raises ContractError for a type that run() must not return."""
    if isinstance(result, (list, tuple, array)):
        return "sequence"
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(result, numpy.ndarray):
        if result.ndim == 1:
            return "array1d"
        if result.ndim == 2:
            return "array2d"
        raise ContractError(
            "run() returned a numpy array of %d dimensions; an array must have one (its elements) or two (its rows)"
            % result.ndim,
            "TypeError",
        )
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(result, pandas.DataFrame):
            return "frame"
        if isinstance(result, pandas.Series):
            return "sequence"
    raise ContractError(_wrong_type(result), "TypeError")


def type_name(value):
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__qualname__


def _wrong_type(result):
    name = type_name(result)
    hint = ""
    if result is None:
        return "run() returned None (does it have a return statement?); " + _RULE
    if name in ("str", "bytes"):
        hint = "; put it into a list"
    elif name in ("generator", "map", "filter", "zip", "range", "dict_keys", "dict_values", "set"):
        hint = "; convert it with list(...)"
    elif name == "coroutine":
        hint = "; run() must not be async"
    elif name == "dict":
        hint = "; convert it, for example with list(result.items())"
    return "run() returned %s %s; %s%s" % ("an" if name[0] in "aeiou" else "a", name, _RULE, hint)


def rows_as_bytes(rows, errors="strict"):
    """The rows as UTF-8. Raises ContractError for more than one frame holds, UnicodeEncodeError."""
    return bounded(rows.encode("utf-8", errors))


def bounded(data):
    """The rows of a mini-batch. Raises ContractError for more than one frame holds."""
    if len(data) > MAX_FRAME_BYTES - 256:
        raise ContractError(
            "run() returned %d bytes of rows for one mini-batch, but at most 1 GiB is allowed; lower spec.miniBatchSize, or let "
            "the script store its results (outputAction: summary_only)" % len(data),
            "OverflowError",
        )
    return data
