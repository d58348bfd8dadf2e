"""What the footers of Parquet files say of rows that are to be grouped (group_rows.py), and what is refused."""

import json
import os

from parallelrun_worker import parquet_types
from parallelrun_worker.grouped_columns import FILE, ROW

_BLOCK = 1 << 20  # of a column that is read
_MOST_STATISTICS = 0  # gaps are not looked for


class Trouble(Exception):
    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Schema:
    """The columns that are grouped and the one type that each has in all files, from all footers."""

    def __init__(self, arrow, request):
        self._arrow, self._request = arrow, request
        self._pandas_of = None
        self.names = None  # in the order of the first file
        self.first = None  # number of that file
        self.rows = 0
        self.bytes = 0  # encoded, not compressed
        self.disk = 0
        self.other_order, self.empty = [], []  # numbers of files
        self._found = parquet_types.Merger(arrow)
        self._key_types = {}  # key -> (type, number of the first file with a value)
        self.schema = None

    def look(self, number):
        file = self.open(number)
        path, schema = self._request.path(number), file.schema_arrow
        names = self._wanted(path, schema)
        for key in self._request.columns:
            if key in schema.names:
                self._check_key(number, key, schema.field(key).type)
        if self.names is None:
            self.names, self.first, self._pandas_of = names, number, schema.metadata
        elif names != self.names:
            if sorted(names) != sorted(self.names):
                raise self._other_columns(path, names)
            self.other_order.append(number)
        self._found.add(schema, file.metadata, names, _MOST_STATISTICS)
        if file.metadata.num_rows == 0:
            self.empty.append(number)
        self.rows += file.metadata.num_rows
        self.disk += self._request.size(number)
        for group in range(file.metadata.num_row_groups):
            self.bytes += max(0, file.metadata.row_group(group).total_byte_size)
        return schema.names

    def columns(self, number):
        """All of them; what cannot be a key is refused."""
        schema = self.open(number).schema_arrow
        for key in self._request.columns:
            if key in schema.names:
                self._check_key(number, key, schema.field(key).type)
        return schema.names

    def settle(self):
        fields = [self._arrow.field(name, self._found.type_of(name)) for name in self.names]
        self.schema = self._arrow.schema(fields, metadata=self._pandas_of)

    def open(self, number):
        path, stored = self._request.path(number), self._request.stored
        with reading(self._arrow, path):
            if stored is not None:
                stored.begin(number, self.schema is not None)
                path = self._arrow.PythonFile(stored.open(number), mode="r")
            return self._arrow.parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BLOCK)

    def _wanted(self, path, schema):
        request, names = self._request, schema.names
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Trouble(
                "input", "%s has two columns %r; write it again with one name for each column" % (path, twice)
            )
        for ours in (FILE, ROW):
            if ours in names:
                raise Trouble("input", "%s has a column %r, a name that we need; rename it" % (path, ours))
        missing = [name for name in request.columns if name not in names]
        if missing and self.first is not None:
            raise Trouble(
                "input",
                "%s has no column %r, which spec.partitionKeys names and %s has; its columns are %s. Add the column, or exclude "
                "the file with the input's glob"
                % (path, missing[0], request.path(self.first), ", ".join(names[:50]) or "none"),
            )
        if missing:
            raise Trouble(
                "input",
                "%s has no column %r, which spec.partitionKeys names; its columns are %s"
                % (path, missing[0], ", ".join(names[:50]) or "none"),
            )
        missing = [name for name in request.declared if name not in names]
        if missing:
            raise Trouble(
                "input",
                "%s has no column %r, which spec.inputs[%s].columns declares; its columns are %s"
                % (path, missing[0], request.input, ", ".join(names[:50]) or "none"),
            )
        if not request.declared:
            return names
        index = self._index_columns(schema)
        return [n for n in names if n in request.declared or n in request.columns or n in index]

    @staticmethod
    def _index_columns(schema):
        """The columns that pandas makes its index of: they are read, too."""
        noted = (schema.metadata or {}).get(b"pandas")
        found = json.loads(noted).get("index_columns", []) if noted else []
        return {name for name in found if isinstance(name, str)}

    def _other_columns(self, path, names):
        missing = [repr(name) for name in self.names if name not in names]
        more = [repr(name) for name in names if name not in self.names]
        said = "; ".join(
            part
            for part in (
                missing and "it lacks " + ", ".join(missing[:20]),
                more and "it also has " + ", ".join(more[:20]),
            )
            if part
        )
        return Trouble(
            "input",
            "%s has other columns than the first file, %s: %s. All files of an input must have the same columns: exclude the "
            "file with the input's glob, or write it again" % (path, self._request.path(self.first), said),
        )

    def _check_key(self, number, key, kind):
        path = self._request.path(number)
        family = family_of(self._arrow, kind)
        if family is None:
            raise Trouble(
                "input",
                "the column %r of %s has the type %s, which cannot be a partition key: keys are numbers, bools, texts, dates, "
                "times, timestamps and decimals. Name another column, or write the tables with a column that has the key as a "
                "text or a number" % (key, path, kind),
            )
        if family == "nothing" or key in self._request.declared:
            return
        first, known = self._key_types.setdefault(key, (number, kind))
        if family_of(self._arrow, known) != family:
            raise Trouble(
                "input",
                "the partition key %r has the type %s in %s, and %s in %s. A key must have one type in all files: write one of "
                "the files again, exclude it with the input's glob, or declare the type: spec.inputs[%s].columns: {%s: string} "
                "(then name the other columns that run() needs there, too)"
                % (key, kind, path, known, self._request.path(first), self._request.input, key),
            )


def family_of(arrow, kind):
    """Types whose values can be the same key. None: no key."""
    types = arrow.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    for name, belongs in (
        ("nothing", types.is_null),
        ("bool", types.is_boolean),
        ("whole number", types.is_integer),
        ("number", types.is_floating),
        ("decimal", types.is_decimal),
        ("date", types.is_date),
        ("time", types.is_time),
    ):
        if belongs(kind):
            return name
    if types.is_timestamp(kind):
        return "timestamp of a zone" if kind.tz else "timestamp"
    if types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view":
        return "text"
    return None


class reading:
    """What Arrow says of a file that it cannot read, in words for the user."""

    def __init__(self, arrow, path):
        self._arrow, self._path = arrow, path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None or isinstance(error, (MemoryError, Trouble)):
            return False
        if isinstance(error, OSError) and error.errno:
            raise Trouble("io", "%s cannot be read: %s" % (self._path, os.strerror(error.errno))) from None
        if not isinstance(error, (self._arrow.ArrowException, OSError)):
            return False
        raise Trouble(
            "input",
            "%s cannot be read as Parquet: %s. Was it cut while it was written or copied? Write the file again, or exclude it "
            "with the input's glob" % (self._path, str(error).strip().split("\n")[0].rstrip(".")),
        ) from None
