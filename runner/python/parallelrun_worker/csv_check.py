"""The exact check of CSV records before pandas parses them, and the hash of their bytes: libparallelrun_csv.so
(runner/process/csv_check.h, where the rules are written down, and slice_hash.h), or the csv module and Python where it
cannot be loaded."""

import ctypes
import os
import re

FIELDS, UTF8, UNCLOSED = 1, 2, 3
# What look() finds: parsers differ over it.
QUOTES, LONE_RETURN, NUL, HEXADECIMAL = 1, 2, 4, 8


class Report(ctypes.Structure):
    """`error` is 0 or one of the constants above; rows are counted from 0 in the data, blank ones included."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("items", "rows", "row", "offset", "fields")]
    error = 0


def load():
    """The checker: an object with check(), look(), count_fields(), row_of_item(), rows_of_items() and
    row_of_offset(). The library
    stands beside the package, or where PARALLELRUN_CSV_LIBRARY says (`none`: do without)."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    beside = os.path.join(folder, "libparallelrun_csv.so")
    try:
        return NativeChecker(ctypes.CDLL(os.environ.get("PARALLELRUN_CSV_LIBRARY") or beside))
    except (OSError, AttributeError):  # absent, or built for another machine
        return PythonChecker()


class NativeChecker:
    """`library`: what it was loaded from; None of the other."""

    def __init__(self, library):
        self.library = library
        u64, text = ctypes.c_uint64, ctypes.c_char_p
        self._check = library.parallelrun_csv_check
        self._check.argtypes = [text, u64, ctypes.c_char, u64, ctypes.POINTER(Report)]
        self._check.restype = ctypes.c_int
        self._fields, self._look = library.parallelrun_csv_fields, library.parallelrun_csv_look
        for function in (self._fields, self._look):
            function.argtypes = [text, u64, ctypes.c_char]
            function.restype = u64
        self._row_of_item = library.parallelrun_csv_row_of_item
        self._row_of_offset = library.parallelrun_csv_row_of_offset
        for function in (self._row_of_item, self._row_of_offset):
            function.argtypes = [text, u64, ctypes.c_char, u64]
            function.restype = u64
        self._rows_of_items = library.parallelrun_csv_rows_of_items
        self._rows_of_items.argtypes = [text, u64, ctypes.c_char, ctypes.POINTER(u64), u64]
        self._rows_of_items.restype = None
        self._hash = library.parallelrun_slice_hash
        self._hash.argtypes = [text, u64]
        self._hash.restype = u64

    def check(self, data, delimiter, fields):
        report = Report()
        report.error = self._check(data, len(data), delimiter, fields, ctypes.byref(report))
        return report

    def look(self, data, delimiter):
        return self._look(data, len(data), delimiter)

    def count_fields(self, data, delimiter):
        return self._fields(data, len(data), delimiter)

    def row_of_item(self, data, delimiter, item):
        return self._row_of_item(data, len(data), delimiter, item)

    def rows_of_items(self, data, delimiter, items):
        rows = (ctypes.c_uint64 * items)()
        self._rows_of_items(data, len(data), delimiter, rows, items)
        return list(rows)

    def row_of_offset(self, data, delimiter, offset):
        return self._row_of_offset(data, len(data), delimiter, offset)

    def hash(self, data):
        return self._hash(data, len(data))


class PythonChecker:
    """The same answers, about a hundred times slower; an unclosed quote is left to pandas."""

    library = None

    def check(self, data, delimiter, fields):
        report = Report()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            report.offset = error.start
            report.row = self.row_of_offset(data, delimiter, error.start)
            report.error = UTF8
            return report
        begin = 0
        for count, end in _records(text, delimiter):
            if count and count != fields:
                report.row, report.fields, report.error = report.rows, count, FIELDS
                report.offset = len(text[:begin].encode())
                return report
            begin = end
            report.rows += 1
            report.items += count > 0
        return report

    def look(self, data, delimiter):
        return (
            QUOTES * (b'"' in data)
            | LONE_RETURN * (data.count(b"\r") > data.count(b"\r\n"))
            | NUL * (b"\0" in data)
            | HEXADECIMAL * (re.search(rb'(?:\A|[%s"\s])0[xX]' % re.escape(delimiter), data) is not None)
        )

    def count_fields(self, data, delimiter):
        return next((count for count, _ in _records(_loose(data), delimiter) if count), 0)

    def row_of_item(self, data, delimiter, item):
        row = 0
        for count, _ in _records(_loose(data), delimiter):
            if count:
                if item == 0:
                    break
                item -= 1
            row += 1
        return row

    def rows_of_items(self, data, delimiter, items):
        records = enumerate(_records(_loose(data), delimiter))
        return [row for row, (count, _) in records if count][:items]

    def row_of_offset(self, data, delimiter, offset):
        row = 0
        for _, end in _records(_loose(data), delimiter):
            if end > offset:
                break
            row += 1
        return row

    def hash(self, data):
        from parallelrun_worker.xxh3 import xxh3

        return xxh3(data)


def _loose(data):
    return data.decode("latin-1")  # one character a byte


def _records(text, delimiter):
    """(fields, or 0 for a blank record; characters up to its end) of each record."""
    import csv
    import io
    import sys

    # The csv module refuses NUL before Python 3.11; for counting it is a character like another.
    text = text.replace("\0", "\x01")
    delimiter = delimiter.decode()
    blanks = " \t".replace(delimiter, "")
    lines = []
    end = 0

    def remember():
        nonlocal end
        for line in io.StringIO(text, newline=""):
            lines.append(line)
            end += len(line)
            yield line

    limit = csv.field_size_limit(sys.maxsize)
    try:
        for record in csv.reader(remember(), delimiter=delimiter):
            blank = not record or len(lines) == 1 and not lines[0].strip(blanks + "\r\n")
            yield 0 if blank else len(record), end
            lines.clear()
    finally:
        csv.field_size_limit(limit)
