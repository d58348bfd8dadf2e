"""What the names of folders say of the tables below them: folders key=value, as Hive and Spark write them. Of an input
whose `columns` declare such a key, each table gets it as a column."""

import json
import os
import re
from urllib.parse import unquote_to_bytes

from parallelrun_worker.csv_slice import SliceError, descriptors_in, path_in

_FOLDER = re.compile(rb"(?:^|/)([^/=]+)=([^/]*)(?=/)")
_MISSING = b"__HIVE_DEFAULT_PARTITION__"


def folder_keys(path):
    """{key: text, or None for a missing one} of a path below the input; runner/input/path_keys.h has the rules."""
    keys = {}
    for name, text in _FOLDER.findall(os.fsencode(path)):
        value = None if text == _MISSING else os.fsdecode(unquote_to_bytes(text))
        keys.setdefault(
            os.fsdecode(unquote_to_bytes(name)), value
        )  # of a key that occurs twice the first one counts
    return keys


def value_of(text, kind, name, input_name):
    """The value of a key under a type of spec.inputs[].columns. Raises SliceError."""
    if text is None or kind in ("string", "missing", "datetime", "datetime_utc"):
        return text
    try:
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        if kind == "object":  # JSON values of several types
            return json.loads(text)
        if not text.isascii() or "_" in text:  # what Python alone takes for a number
            raise ValueError
        value = float(text)
        if kind == "float64":
            return value if value == value else None
        number = int(text)
        low, high = (0, 2**64) if kind == "uint64" else (-(2**63), 2**63)
        if not low <= number < high:
            raise ValueError
        return number
    except (ValueError, KeyError):
        raise SliceError(
            "the key %r is %r, which does not fit %s, its type in spec.inputs[%s].columns; declare it string"
            % (name, text, kind, input_name),
            "ValueError",
        ) from None


def add_column(frame, name, value, kind, input_name):
    """A column of one value, behind the others. `kind`: the declared type, or None. A table that has such a column
    keeps it, where its type was not declared."""
    import pandas

    if name in frame.columns:
        if kind is None:
            return
        raise SliceError(
            "%r is a column of the table and the key of its folder too, and spec.inputs[%s].columns declares its type; leave "
            "it out there, or rename the folders" % (name, input_name),
            "ColumnsDiffer",
        )
    dtype = None
    if kind in (None, "string"):
        dtype = pandas.Series(["text"]).dtype  # that of texts in this pandas
    elif kind == "datetime":
        value = pandas.to_datetime(value, format="ISO8601")
    elif value is None:
        dtype = {"int64": "Int64", "float64": "float64"}.get(kind, "object")
    frame[name] = pandas.Series([value] * len(frame), index=frame.index, dtype=dtype)


class FolderColumns:
    """A reader (readers.py) around that of a format of tables. `open_reader(entry)` makes the latter. Which of the declared
    columns are keys of folders is seen in the first path."""

    def __init__(self, entry, open_reader):
        self._entry, self._open = entry, open_reader
        self._declared = dict(entry["columns"])
        self._inside = open_reader(entry)
        self._keys = None  # declared names that folders give, once a path was seen
        self._known = None
        self._number_rows = False

    @property
    def columns(self):
        return self._inside.columns

    @property
    def number_rows(self):
        return self._number_rows

    @number_rows.setter
    def number_rows(self, value):
        self._number_rows = self._inside.number_rows = value

    def columns_of_frames(self):
        return [*self.columns, *(key for key in self._keys or () if key not in self.columns)]

    def places(self, descriptor, rows):
        return self._inside.places(descriptor, rows)

    def origins(self, piece):
        return self._inside.origins(piece)

    def say_readers(self, always):
        self._inside.say_readers(always)

    def know(self, types, columns):
        self._known = (types, columns)
        self._inside.know(types, columns)

    def infer_types(self, payload):
        first = next(descriptors_in(payload), None)
        if first is not None:
            self._see(path_in(first))
        return self._inside.infer_types(payload)

    def read(self, descriptor):
        folders = self._see(path_in(descriptor))
        frame, items, path, rows = self._inside.read(descriptor)
        if frame is None:
            return frame, items, path, rows
        try:
            for key in self._keys:
                if key not in folders:
                    raise SliceError(
                        "%s is in no folder %s=..., which other files of the input are in and spec.inputs[%s].columns declares"
                        % (path, key, self._entry["name"]),
                        "KeyError",
                    )
                kind = self._declared[key]
                value = value_of(folders[key], kind, key, self._entry["name"])
                add_column(frame, key, value, kind, self._entry["name"])
        except SliceError as error:
            error.items = items
            raise
        return frame, items, path, rows

    def _see(self, path):
        folders = folder_keys(path)
        if self._keys is None:
            self._keys = [key for key in self._declared if key in folders]
            if self._keys:
                columns = {name: kind for name, kind in self._declared.items() if name not in self._keys}
                self._inside = self._open({**self._entry, "columns": columns})
                self._inside.number_rows = self._number_rows
                if self._known is not None:
                    self._inside.know(*self._known)
        return folders
