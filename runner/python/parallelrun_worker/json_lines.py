"""Tabular inputs of JSON lines: a slice of a file as a DataFrame, one object a line."""

import json
import re
import sys

from parallelrun_worker import csv_check, json_columns, packed, plain_json
from parallelrun_worker.csv_slice import BY_ENDS, CsvSlice, SliceError, descriptors_in, path_in, read_range
from parallelrun_worker.json_decoder import DECODER, TwiceError
from parallelrun_worker.tabular import import_pandas

_KIND = 3
_BLANKS = " \t\r"
_BLANK_BYTES = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"
# Half a character beyond the BMP, as an escape: two of them are one, alone it is none.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_OTHERS = (
    (b"PAR1", "is a Parquet file, not JSON lines: set format: parquet"),
    (b"\xff\xfe", "is UTF-16 or UTF-32; JSON lines are UTF-8: convert it"),
    (b"\xfe\xff", "is UTF-16; JSON lines are UTF-8: convert it"),
)


class JsonLinesInput:
    """A reader (readers.py)."""

    number_rows = False

    def __init__(self, entry):
        self.name = entry["name"]
        self.columns = None
        self._root = entry["directory"].encode()
        self._types = {}
        self._numbers = None  # of the last mini-batch's items, where there are blank lines between them
        self._hasher = csv_check.load()
        self._columns = json_columns.Columns(import_pandas(), self.name, entry.get("columns") or {})
        self._plain = plain_json.load(self._hasher.library)
        self._read_by = [0, 0]  # mini-batches: plain ones, and those that Python's json module has read
        self._not_plain = None  # where the first of these is not plain

    def know(self, types, columns):
        self._types, self.columns = types, columns

    def say_readers(self, always):
        """On stderr, how many mini-batches were read fast, if it was not all of them."""
        plain, others = self._read_by
        if not others and not (always and plain):
            return
        text = "parallelrun: input %s: %d mini-batches were read fast" % (self.name, plain)
        if others:
            text += ", and %d with Python's json module, which takes longer" % others
        if self._not_plain:
            text += ": see %s" % self._not_plain
        sys.stderr.write(text + "\n")

    def read(self, descriptor):
        piece = CsvSlice(descriptor, self._root, _KIND)
        records = ()
        try:
            data, begin = self._load(piece)
            plain, where = self._read_plain(piece.path, data, begin)
            if plain is not None:
                frame, records = plain
            else:
                records = Records(piece.path, data, begin)
                columns = self.columns or _keys(records.objects, self._columns.declared)
                frame = self._columns.frame(records, columns, self._types)
            if len(records):
                self._count(plain is not None, where)
        except SliceError as error:
            error.items = piece.records or len(records) or 1
            raise
        rows = records.rows
        self._numbers = None
        if self.number_rows and len(rows) != len(records):
            self._numbers = [records.line_number(item) for item in range(len(records))]
        return frame, len(records), piece.path, rows

    def places(self, descriptor, rows):
        return path_in(descriptor), rows if self._numbers is None else self._numbers

    def infer_types(self, payload):
        """What cannot be read is left out here: its mini-batch will fail by itself."""
        objects = []
        for descriptor in descriptors_in(payload):
            try:
                piece = CsvSlice(descriptor, self._root, _KIND)
                objects += Records(piece.path, *self._load(piece), strict=False).objects
            except SliceError:
                continue
        self.columns = _keys(objects, self._columns.declared)
        return self._columns.infer(objects, self.columns)

    def _read_plain(self, path, data, begin):
        """((frame, records) or None, where it is not plain, if that is one line)"""
        kinds = self._columns.plain_kinds(self.columns, self._types)
        if self._plain is None or kinds is None:
            return None, None
        try:
            plain = self._plain.read(data, kinds)
            records = PlainRecords(path, plain.lines, begin)
            return (self._columns.plain_frame(records, plain, self.columns, self._types), records), None
        except plain_json.NotPlain as why:
            return None, None if why.line is None else "%s, line %d" % (path, begin + why.line)

    def _count(self, plain, where):
        if self._plain is None:
            return
        self._read_by[not plain] += 1
        self._not_plain = self._not_plain or where

    def _load(self, piece):
        """(data, number of its first line)"""
        data = read_range(piece, self._hasher)
        if piece.check == BY_ENDS:
            data = packed.unpacked(piece.path, data)
        for start, what in _OTHERS:
            if data.startswith(start):
                raise SliceError("%s %s" % (piece.path, what), "NotJsonLines")
        if data.startswith(_MARK):
            data = data[len(_MARK) :]
        # The plan counts to the first object, where it knows how many there are.
        return data, piece.first_row - (_blank_lines(data) if piece.records else 0)


def _blank_lines(data):
    """Before the first line that is not blank."""
    return data.count(b"\n", 0, len(data) - len(data.lstrip(_BLANK_BYTES)))


def _keys(objects, declared):
    """In the order in which they first occur, then those that are only declared."""
    return list(dict.fromkeys([key for one in objects for key in one] + list(declared)))


class PlainRecords:
    """Where the objects of a slice stand. `lines`: as of plain_json.Slice."""

    def __init__(self, path, lines, first_row):
        self.path, self._lines, self._first_row = path, lines, first_row
        self.rows = range(self.line_number(0), self.line_number(-1) + 1)

    def __len__(self):
        return len(self._lines)

    def line_number(self, item):
        return self._first_row + int(self._lines[item])


class Records:
    """The objects of a slice. Raises SliceError, naming the line; lines that are wrong are left out where it is not strict."""

    def __init__(self, path, data, first_row, strict=True):
        self.path, self._first_row = path, first_row
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SliceError(
                "%s, line %d: byte 0x%s is not utf-8 (%s); JSON lines are UTF-8: convert the file"
                % (
                    path,
                    first_row + data.count(b"\n", 0, error.start),
                    data[error.start : error.start + 1].hex(),
                    error.reason,
                ),
                "UnicodeDecodeError",
            ) from None
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        self.objects = []
        self._lines = []  # (offset of the row, its text) of each object
        surrogates = _SURROGATE.search(text) is not None
        for row, line in enumerate(lines):
            line = line.strip(_BLANKS)
            if not line:
                continue
            try:
                self.objects.append(self._object(line, first_row + row, surrogates))
                self._lines.append((row, line))
            except SliceError:
                if strict:
                    raise
        first, last = (self._lines[0][0], self._lines[-1][0]) if self._lines else (0, len(lines) - 1)
        self.rows = range(first_row + first, first_row + last + 1)  # blank lines between objects among them

    def __len__(self):
        return len(self.objects)

    def line_number(self, item):
        return self._first_row + self._lines[item][0]

    def texts(self, item):
        """{key: the text of its value in the file}"""
        line = self._lines[item][1]
        texts = {}
        at = _skip(line, 1)
        while line[at] != "}":
            key, at = json.decoder.scanstring(line, at + 1, True)
            begin = _skip(line, _skip(line, at) + 1)
            _, at = DECODER.scan_once(line, begin)
            texts[key] = line[begin:at]
            at = _skip(line, at)
            if line[at] == ",":
                at = _skip(line, at + 1)
        return texts

    def _object(self, line, number, surrogates):
        try:
            value = DECODER.decode(line)
            if type(value) is dict:
                if surrogates:
                    json.dumps(value, ensure_ascii=False).encode("utf-8")
                return value
        except json.JSONDecodeError as error:
            wrong = "is not JSON: %s at column %d" % (error.msg.removesuffix(" at"), error.colno)
        except UnicodeEncodeError:
            wrong = "holds half a character (a lone \\ud800 to \\udfff), which is no text"
        except TwiceError as error:
            wrong = "has the key %r more than once" % str(error)
        except (ValueError, RecursionError) as error:  # a number of too many digits, brackets too deep
            wrong = "cannot be read: %s" % error
        else:
            wrong = "is %s, not an object: JSON lines has one object a line, {...}" % json_columns.name_of(
                value
            )
            if type(value) is list:
                wrong += "; for one array of objects, write each of them on a line of its own"
        raise SliceError("%s, line %d %s" % (self.path, number, wrong), "NotJsonLines")


def _skip(line, at):
    while line[at] in " \t\n\r":
        at += 1
    return at
