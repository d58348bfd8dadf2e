"""Rows on disk while they are grouped, and when they are (group_rows.py)."""

import os

from parallelrun_worker.grouped_keys import combined
from parallelrun_worker.grouped_schema import Trouble

_LARGEST_ROW_GROUP = 8 << 20
_FILE_BYTES = 16 << 20  # in memory: a footer that is read with each mini-batch stays short
_MOST_CATEGORIES = 10_000  # that are kept in their order, used or not


class Categories:
    """The values of a column of categories, in their order, as long as they are not too many. Rows are grouped as plain
    values: parts of a table would each have all categories again."""

    def __init__(self, arrow, name, kind):
        self._arrow, self._name, self._kind = arrow, name, kind
        self._places = {}
        self._too_many = False
        self._last = None
        self._values = None

    def see(self, column):
        if self._too_many or not self._arrow.types.is_dictionary(column.type):
            return
        for chunk in column.chunks:
            values = chunk.dictionary
            if self._last is not None and values.equals(self._last):
                continue
            self._last = values
            if len(values) <= _MOST_CATEGORIES:
                for value in values.to_pylist():
                    self._places.setdefault(value, len(self._places))
            if len(values) > _MOST_CATEGORIES or len(self._places) > _MOST_CATEGORIES:
                self._too_many, self._places, self._last = True, {}, None
                return

    def encode(self, column):
        arrow, kind = self._arrow, self._kind
        column = combined(column)
        if self._values is None:
            self._values = arrow.array(list(self._places), kind.value_type)
        codes, values = arrow.compute.index_in(column, value_set=self._values), self._values
        if codes.null_count > column.null_count:
            if kind.ordered:
                raise Trouble(
                    "input",
                    "the column %r has categories with an order, and more than %d of them or not all in their place; write it "
                    "as text" % (self._name, _MOST_CATEGORIES),
                )
            encoded = column.dictionary_encode()
            codes, values = encoded.indices, encoded.dictionary
        try:
            codes = codes.cast(kind.index_type)
        except arrow.ArrowException:
            raise Trouble(
                "input",
                "the column %r has too many categories for its type %s in all files together; write it as text"
                % (self._name, kind),
            ) from None
        return arrow.DictionaryArray.from_arrays(codes, values, ordered=kind.ordered)


class Part:
    """Some rows on disk, in their order."""

    def __init__(self, arrow, path, schema):
        self._arrow, self.path = arrow, path
        self.bytes = self.rows = 0
        self._file = arrow.OSFile(path, "wb")
        options = arrow.ipc.IpcWriteOptions(
            compression="lz4" if arrow.Codec.is_available("lz4_frame") else None, use_threads=False
        )
        self._writer = arrow.ipc.new_stream(self._file, schema, options=options)

    def add(self, table):
        self.bytes += table.nbytes
        self.rows += table.num_rows
        self._writer.write_table(table)

    def end(self):
        self._writer.close()
        self._file.close()

    def tables(self):
        with self._arrow.OSFile(self.path, "rb") as file:
            reader = self._arrow.ipc.open_stream(file)
            for batch in reader:
                yield self._arrow.Table.from_batches([batch])

    def empty(self):
        """Gives its room back."""
        os.truncate(self.path, 0)

    def remove(self):
        os.unlink(self.path)


class Output:
    """The files of the groups: rows of one group lie one behind the other in one file."""

    def __init__(self, arrow, folder, token, schema, categories):
        self._arrow, self._folder, self._token = arrow, folder, token
        self._schema, self._categories = schema, categories
        self.names = []
        self.groups = []  # (number of the file, rows before it there, rows, key)
        self._writer = self._file = None
        self._rows = self._bytes = 0
        self._begun = None  # the group that is written in pieces

    def write(self, table, groups):
        """One row group, of [(key, rows)] one behind the other."""
        self._roll()
        at = self._rows
        for key, rows in groups:
            self.groups.append((len(self.names) - 1, at, rows, key))
            at += rows
        self._add(table)

    def begin_group(self, key):
        self._roll()
        self._begun = (len(self.names) - 1, self._rows, key)

    def add_to_group(self, table):
        for part in _pieces(table, _LARGEST_ROW_GROUP):
            self._add(part)

    def end_group(self):
        file, at, key = self._begun
        self.groups.append((file, at, self._rows - at, key))
        self._begun = None

    def close(self):
        if self._writer is None:
            return
        self._writer.close()
        self._file.close()
        self._writer = None
        path = os.path.join(self._folder, self.names[-1])
        os.chmod(path, 0o644)  # workers may be another user
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _roll(self):
        if self._writer is not None and self._bytes < _FILE_BYTES:
            return
        self.close()
        self.names.append("data-%s-%06d.parquet" % (self._token, len(self.names)))
        self._file = self._arrow.OSFile(os.path.join(self._folder, self.names[-1]), "wb")
        self._writer = self._arrow.parquet.ParquetWriter(
            self._file, self._schema, version="2.6", compression="snappy", write_statistics=False
        )
        self._rows = self._bytes = 0

    def _add(self, table):
        self._bytes += table.nbytes
        self._rows += table.num_rows
        for name, categories in self._categories.items():
            place = table.column_names.index(name)
            table = table.set_column(place, self._schema.field(place), categories.encode(table.column(place)))
        self._writer.write_table(table.cast(self._schema), row_group_size=max(1, table.num_rows))


def _pieces(table, most_bytes):
    rows = max(1, min(table.num_rows, table.num_rows * most_bytes // max(1, table.nbytes)))
    for at in range(0, table.num_rows, rows):
        yield table.slice(at, rows)
