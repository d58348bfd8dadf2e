"""What run() returned, as JSON lines: one JSON value for each element, one object for each row of a DataFrame.

Nothing is changed in silence but what JSON has no word for and everybody writes as null: NaN, NaT, NA. Any other value
that JSON cannot hold is an error that names the element and the type.
"""

import sys

from parallelrun_worker.failures import ContractError
from parallelrun_worker.plain_values import (
    Unfit,
    as_json,
    column_names,
    column_values,
    elements,
    plain,
    where,
)
from parallelrun_worker.results import kind_of, rows_as_bytes

_WAY_OUT = "convert it to a str, a number, a list or a dict first, or remove output.format to get text rows"
# Line ends for readers that take more than "\n" for one; in JSON they can only stand inside a string.
_LINE_ENDS = (("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


class JsonRows:
    """The RowEncoder of output.format: jsonl."""

    def encode(self, result, along=None):
        kind = kind_of(result)
        noun = "element"
        if kind == "frame":
            each, noun = iter(_records(result)), "row"
        elif kind in ("array1d", "array2d"):
            each = map(plain, elements(result, sys.modules["numpy"]))
        else:
            each = map(plain, result)
        if along is not None:
            each = _behind(_fronts(along.of(result, "jsonl")), each, along)
        return _joined(map(as_json, each), noun)


def _fronts(columns):
    """A dict for each row, of what it carries along."""
    names = [name for name, _ in columns]
    return [dict(zip(names, row)) for row in zip(*(_carried_values(*column) for column in columns))]


def _carried_values(name, values):
    if type(values) is list:
        return values
    try:
        return column_values(values)
    except Unfit as unfit:
        row = unfit.steps.pop()
        raise _cannot_hold("row %d" % row, [*unfit.steps, repr(name)], unfit) from None


def _behind(fronts, each, along):
    """The keys of objects stand behind those that are carried along; what is no object is their "value"."""
    for front, value in zip(fronts, each):
        if type(value) is not dict:
            value = {"value": value}
        if not front.keys().isdisjoint(value):
            along.must_differ(value)
        yield {**front, **value}


def _joined(each, noun):
    """(count, rows) of the texts that the iterator gives, or why it does not."""
    texts = []
    try:
        texts.extend(each)  # keeps what it had where `each` raises
    except Unfit as unfit:
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
    return ContractError(
        "%s is %s, which JSON cannot hold; %s" % (where(which, steps), unfit, _WAY_OUT), "TypeError"
    )


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


def _records(frame):
    """A dict for each row."""
    names = column_names(frame)
    columns = []
    for name, (_, column) in zip(names, frame.items()):
        try:
            columns.append(column_values(column))
        except Unfit as unfit:
            row = unfit.steps.pop()
            raise _cannot_hold("row %d" % row, [*unfit.steps, repr(name)], unfit) from None
    if not columns:
        return [{} for _ in range(len(frame))]
    return [dict(zip(names, row)) for row in zip(*columns)]
