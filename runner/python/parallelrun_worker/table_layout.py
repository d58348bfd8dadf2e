"""The columns that the tables of an input have in common: those of its first file. Others are refused, another order
is put right, and what is no CSV at all is told by its first bytes."""

import re

from parallelrun_worker.csv_slice import SliceError

_JSON = re.compile(rb"\s*\[?\s*\{\s*[\"}]")
_DELIMITERS = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}


class TableLayout:
    """`expected`: the column names of the input's first file, or None while that is not known. `delimiter`: None where
    fields have none."""

    def __init__(self, input_name, delimiter):
        self._input, self._delimiter = input_name, delimiter
        self.expected = None
        self._order_told = False
        self._accepted = None  # the last columns that were, an object that is kept for each header

    def expect(self, columns):
        self.expected = columns
        self._accepted = None

    def expect_first(self, columns):
        """Of the first sample slice that can be read."""
        if self.expected is None:
            self.expected = list(columns)

    def has_columns(self, columns):
        return self.expected is None or sorted(self.expected) == sorted(columns)

    def must_have(self, path, columns, items=0):
        """Raises SliceError where a file has other columns than the first one."""
        if columns is self._accepted:
            return
        if self.has_columns(columns):
            self._accepted = columns
            return
        missing = [name for name in self.expected if name not in columns]
        more = [name for name in columns if name not in self.expected]
        message = "%s has other columns than the first file of input %s: " % (path, self._input)
        message += "; ".join(
            part
            for part in (
                missing and "it lacks " + _named(missing),
                more and "it also has " + _named(more),
                not missing and not more and "it has some of them more than once",
            )
            if part
        )
        other = self._other_delimiter(columns)
        if other:
            message += ". Its fields seem to be separated by %s, but the input's delimiter is %s" % (
                _DELIMITERS[other],
                _DELIMITERS.get(self._delimiter, repr(self._delimiter)),
            )
        raise SliceError(
            message
            + ". All tables of an input must have the same columns: give this table an input of its own, exclude it with the "
            "input's glob, or convert it",
            "ColumnsDiffer",
            items,
        )

    def in_order(self, frame, path):
        """The frame with the columns as the first file has them: a script that goes by position, and rows that it
        returns, do not change with the file."""
        if self.expected is None or list(frame.columns) == self.expected:
            return frame
        self.tell_order(path)
        return frame[self.expected]

    def tell_order(self, path):
        if self._order_told:
            return
        self._order_told = True
        import sys

        sys.stderr.write(
            "parallelrun: input %s: %s has its columns in another order than the first file; run() gets them in the "
            "first file's order (this is said only once)\n" % (self._input, path)
        )

    def _other_delimiter(self, columns):
        if len(columns) != 1 or self._delimiter is None:
            return None
        counts = {d: str(columns[0]).count(d) for d in _DELIMITERS if d != self._delimiter}
        best = max(counts, key=counts.get)
        return best if counts[best] else None


def refuse_other_formats(path, head):
    """`head`: the first bytes of the file, unpacked."""
    if head.startswith(b"PAR1"):
        what, way = "a Parquet file", "set format: parquet"
    elif _JSON.match(head):
        what, way = "JSON", "if each line is an object, set format: jsonl"
    else:
        return
    raise SliceError(
        "the content of %s is %s, but the input is read as CSV: %s. Or exclude the file with the input's glob. Or use "
        "type: file, and let the script read the files itself" % (path, what, way),
        "NotCsv",
        1,
    )


def _named(columns):
    text = ", ".join(repr(name) for name in columns[:10])
    return text + (" and %d more" % (len(columns) - 10) if len(columns) > 10 else "")
