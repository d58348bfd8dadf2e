"""What run() returned, as rows of text: one line for each element.

A line break inside an element (\\n, \\r\\n or \\r) becomes the two characters `\\n`, so that one element
stays one line for every reader. Bytes of file names that are not UTF-8 come out as they were.
"""

import csv
import io
import re
import sys

from parallelrun_worker import float_lines
from parallelrun_worker.failures import ContractError
from parallelrun_worker.results import bounded, kind_of, rows_as_bytes
from parallelrun_worker.texts import text_of, texts_of

_LINE_BREAK = re.compile("\r\n|\n|\r")


class TextRows:
    """The RowEncoder of output.format: text."""

    def encode(self, result, along=None):
        count, rows = self._encode(result)
        if along is None or count == 0:
            return count, rows
        return count, _behind(_fronts(along.of(result)), rows)

    def _encode(self, result):
        kind = kind_of(result)
        if kind == "frame":
            return _encode_frame(result)
        if kind == "array2d":
            pandas = sys.modules.get("pandas")
            return _encode_frame(pandas.DataFrame(result)) if pandas else _encode_matrix(result)
        plain_floats = kind == "array1d" and result.dtype == "float64"
        if plain_floats or type(result) is list:
            lines = float_lines.of(result)
            if lines is not None:
                return len(result), bounded(lines)
        if plain_floats or kind == "array1d" and result.dtype.kind in "iubOU":
            # The same text as that of numpy's own scalars, and several times faster.
            result = result.tolist()
        return _encode_elements(result)


def _fronts(columns):
    """What is carried along, as the first fields of rows: one line of bytes for each."""
    if all(type(values) is list for _, values in columns):
        rows = [[_in_one_line(value) for value in row] for row in zip(*(values for _, values in columns))]
        out = io.StringIO()
        csv.writer(out, delimiter=" ", lineterminator="\n").writerows(rows)
        return _to_bytes(out.getvalue()).split(b"\n")[:-1]
    pandas = sys.modules["pandas"]
    # Lists as objects: names that are not UTF-8 are no text for Arrow.
    series = [
        pandas.Series(values, dtype=object if type(values) is list else None).reset_index(drop=True)
        for _, values in columns
    ]
    return _encode_frame(pandas.concat(series, axis=1, keys=range(len(series))))[1].split(b"\n")[:-1]


def _in_one_line(value):
    return _LINE_BREAK.sub(r"\\n", value) if isinstance(value, str) else value


def _behind(fronts, rows):
    return bounded(b"".join([b"%s %s\n" % row for row in zip(fronts, rows.split(b"\n"))]))


def _encode_elements(elements):
    try:
        texts = texts_of(elements)
    except BaseException as error:  # noqa: B036: the element's __str__ is the user's code
        raise _element_without_text(elements, error) from error
    if not texts:
        return 0, b""
    rows = "\n".join(texts)
    if rows.count("\n") != len(texts) - 1 or "\r" in rows:
        rows = "\n".join([_LINE_BREAK.sub(r"\\n", text) for text in texts])
    return len(texts), _to_bytes(rows + "\n", texts)


def _element_without_text(elements, error):
    for index, element in enumerate(elements):
        try:
            str(element)
        except BaseException as inner:  # noqa: B036
            return ContractError(
                "element %d of the result (a %s) cannot be written: its str() raised %s: %s"
                % (index, type(element).__qualname__, type(inner).__qualname__, inner),
                type(inner).__qualname__,
            )
    return ContractError("str() of an element of the result raised %s" % type(error).__qualname__)


def _to_bytes(rows, texts=()):
    try:
        return rows_as_bytes(rows, "surrogateescape")
    except UnicodeEncodeError:
        for index, text in enumerate(texts):
            try:
                text.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                break
        else:
            index = -1
        where = "element %d of the result" % index if index >= 0 else "the result"
        raise ContractError(
            "%s contains a lone surrogate, which cannot be written as UTF-8" % where, "UnicodeEncodeError"
        ) from None


def _encode_frame(frame):
    try:
        frame = _with_texts(frame)
        rows = frame.to_csv(sep=" ", header=False, index=False)
        if rows.count("\n") != len(frame) or "\r" in rows:
            rows = _one_line_each(frame).to_csv(sep=" ", header=False, index=False)
    except Exception as error:  # the text of an element is the user's code
        raise ContractError(
            "the DataFrame cannot be written as rows: %s: %s" % (type(error).__qualname__, error),
            type(error).__qualname__,
        ) from error
    return len(frame), _to_bytes(rows)


def _with_texts(frame):
    """With their texts for cells that are arrays, lists, tuples or dicts, which to_csv would cut."""
    numpy = sys.modules.get("numpy")
    changed = None
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        if column.dtype != object or not any(
            issubclass(kind, (numpy.ndarray, list, tuple, dict, set, frozenset))
            for kind in set(map(type, column))
        ):
            continue
        if changed is None:
            changed = frame.copy(deep=False)
        _replace(changed, position, column.map(lambda value: _cell(value, numpy)))
    return frame if changed is None else changed


def _cell(value, numpy):
    containers = (numpy.ndarray, list, tuple, dict, set, frozenset)
    return text_of(value, numpy) if isinstance(value, containers) else value


def _replace(frame, position, column):
    if hasattr(frame, "isetitem"):
        frame.isetitem(position, column)
    else:
        frame[frame.columns[position]] = column


def _one_line_each(frame):
    def one_line(value):
        if isinstance(value, (int, float)) or value is None:
            return value
        text = str(value)
        return _LINE_BREAK.sub(r"\\n", text) if "\n" in text or "\r" in text else value

    frame = frame.copy(deep=False)
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        if column.dtype.kind in "iufbcmM":
            continue
        _replace(frame, position, column.astype(object).map(one_line))
    return frame


def _encode_matrix(matrix):
    """Rows of a 2-D array where pandas is not installed, in the same form."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=" ", lineterminator="\n")
    for row in matrix:
        # Not a number is an empty field, as pandas writes it.
        writer.writerow(
            ["" if value is None or value != value else _LINE_BREAK.sub(r"\\n", str(value)) for value in row]
        )
    return len(matrix), _to_bytes(out.getvalue())
