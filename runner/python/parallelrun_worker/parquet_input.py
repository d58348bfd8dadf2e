"""Tabular inputs of Parquet: rows of a file as the DataFrame that pandas.read_parquet gives for them, with the types of
the whole input.

The types are those of the schemas, decided once from the footers of a sample of the files. A name of a type is Arrow's,
and "int64 or missing" where a column of whole numbers or bools has gaps somewhere: pandas makes floats or objects of
those, and does so in all mini-batches then."""

import os
import sys

from parallelrun_worker import csv_check, freed_memory, parquet_types, whole_numbers
from parallelrun_worker.arrow_import import import_pyarrow
from parallelrun_worker.csv_slice import (
    BY_SIZE,
    CHANGED,
    CsvSlice,
    SliceError,
    UnreadableError,
    descriptors_in,
    path_in,
    read_range,
)
from parallelrun_worker.failures import ContractError
from parallelrun_worker.grouped_columns import FILE, ROW
from parallelrun_worker.table_layout import TableLayout
from parallelrun_worker.tabular import import_pandas

_KIND = 4
_MOST_STATISTICS = 200_000  # that are looked at to find gaps


class ParquetInput:
    """A reader (readers.py)."""

    number_rows = False

    def __init__(self, entry):
        self.name = entry["name"]
        self._root = entry["directory"].encode()
        self._pandas = import_pandas()
        self._arrow = import_pyarrow("an input of format parquet")
        self._declared = dict(entry.get("columns") or {})
        # Of a job with partition keys: columns that are always read, and whether the files are those of grouped rows.
        self._keys = frozenset(entry.get("keys") or ())
        self._grouped = entry.get("grouped", False)
        self._types = parquet_types.Types(self._arrow, self.name, self._declared)
        self._layout = TableLayout(self.name, None)
        self._hasher = csv_check.load()
        self._file = None  # the last one
        self._gaps_told = set()
        freed_memory.keep()

    @property
    def columns(self):
        return self._layout.expected

    def know(self, types, columns):
        self._types.know(types)
        self._layout.expect(columns)

    def say_readers(self, always):
        pass

    def read(self, descriptor):
        piece = CsvSlice(descriptor, self._root, _KIND)
        rows = range(piece.first_row, piece.first_row + piece.records)
        try:
            file = self._open(piece)
            if piece.check == BY_SIZE:
                raise UnreadableError(
                    "%s could not be read when its mini-batches were planned, but it can be read now; was it being written "
                    "then? Start the job with another output directory or with --overwrite" % piece.path,
                    "FileChanged",
                )
            names = self._names(file)
            self._layout.must_have(piece.path, names)
            with _Failures(self._arrow, piece.path):
                table = file.rows(rows.start - 1, piece.records, names)
            return self._frame(table, piece.path, rows), piece.records, piece.path, rows
        except SliceError as error:
            error.items = piece.records
            raise

    def places(self, descriptor, rows):
        return path_in(descriptor), rows

    def origins(self, piece):
        """[(number of a file, row there)] of grouped rows."""
        table = self._open(piece).rows(piece.first_row - 1, piece.records, [FILE, ROW])
        return list(zip(table.column(FILE).to_pylist(), table.column(ROW).to_pylist()))

    def infer_types(self, payload):
        """By the footers of the sample. What cannot be read is left out where there is another file: its mini-batch will
        fail by itself."""
        self._layout.expected = None
        found = parquet_types.Merger(self._arrow)
        failure = None
        for descriptor in descriptors_in(payload):
            try:
                piece = CsvSlice(descriptor, self._root, _KIND)
                file = self._open(piece)
                names = self._names(file)
            except SliceError as error:
                failure = failure or error
                continue
            self._layout.expect_first(names)
            if self._layout.has_columns(names):
                found.add(file.schema, file.metadata, names, _MOST_STATISTICS)
        if self._layout.expected is None and failure is not None:
            raise failure
        return found.types(leave_out=self._declared)

    def _open(self, piece):
        if piece.check == BY_SIZE or piece.check == CHANGED:
            read_range(piece, self._hasher)  # whether it changed
            self._file = None
        else:
            footer = read_range(piece, self._hasher)
            if self._file is not None and self._file.is_of(piece.path, footer):
                return self._file
            self._file = None
        with _Failures(self._arrow, piece.path):
            file = _File(self._arrow, piece.path)
        if len(set(file.names)) != len(file.names):
            twice = next(name for name in file.names if file.names.count(name) > 1)
            raise SliceError(
                "%s has two columns %r; write it again with one name for each column" % (piece.path, twice),
                "ColumnsDiffer",
            )
        if piece.check not in (BY_SIZE, CHANGED):
            file.footer = footer
            self._file = file
        return file

    def _names(self, file):
        """Of the columns that are read, in the order of the file."""
        names = [name for name in file.names if name not in (FILE, ROW)] if self._grouped else file.names
        if not self._declared:
            return names
        missing = [name for name in self._declared if name not in file.names]
        if missing:
            raise SliceError(
                "%s has no column %r, which spec.inputs[%s].columns declares; its columns are %s"
                % (file.path, missing[0], self.name, ", ".join(file.names[:50]) or "none"),
                "KeyError",
            )
        return [name for name in names if name in self._declared or name in self._keys]

    def _frame(self, table, path, rows):
        names = self._layout.expected or table.column_names
        index = [name for name in table.column_names if name not in names]
        if table.column_names != names + index:
            self._layout.tell_order(path)
            table = table.select(names + index)
        table = self._types.fit(table, path, rows)
        frame = table.to_pandas(use_threads=False)
        if isinstance(frame.index, self._pandas.RangeIndex):  # that of the whole file says nothing of a part
            frame.index = self._pandas.RangeIndex(len(frame))
        for name in names:
            if name in frame.columns:
                self._settle_gaps(frame, name, table.column(name), path, rows)
        return frame

    def _settle_gaps(self, frame, name, column, path, rows):
        """The same type in every mini-batch for a column that has gaps in some."""
        import numpy

        types = self._arrow.types
        if not isinstance(frame[name].dtype, numpy.dtype):  # Int64, boolean: they hold gaps
            return
        known = self._types.has_gaps(name)
        if types.is_boolean(column.type):
            if known or column.null_count:
                frame[name] = frame[name].astype(object)
            if column.null_count and not known:
                self._tell_gap(name, column, "bools", "object", path, rows)
        elif types.is_integer(column.type) and (known or column.null_count):
            declared = name in self._declared
            if declared and not column.null_count:
                return
            values = column.drop_null().to_numpy()
            if not declared and whole_numbers.float64_holds_values(values):
                frame[name] = frame[name].astype("float64")
            else:
                frame[name] = self._nullable(column)
            if column.null_count and not known:
                self._tell_gap(name, column, "whole numbers", frame[name].dtype, path, rows)

    def _nullable(self, column):
        import numpy

        column = column.combine_chunks()
        numbers = numpy.array(column.fill_null(0).to_numpy(zero_copy_only=False))
        gaps = numpy.array(column.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        return self._pandas.arrays.IntegerArray(numbers, gaps)

    def _tell_gap(self, name, column, what, comes_as, path, rows):
        comes_as = str(comes_as)
        if (name, comes_as) in self._gaps_told:
            return
        self._gaps_told.add((name, comes_as))
        where = "all rows"
        if not self._grouped:
            row = rows.start + column.is_null().to_pylist().index(True)
            where = "%s, row %d" % (path, row)
        sys.stderr.write(
            "parallelrun: input %s: column %r of %s has no value in %s; where it has gaps it comes as %s (said once)\n"
            % (self.name, name, what, where, comes_as)
        )


class _File:
    """An open file, and a place in a row group that is read in parts."""

    footer = None

    def __init__(self, arrow, path):
        self.path = path
        self._arrow = arrow
        self._identity = _identity(path)
        self._file = arrow.parquet.ParquetFile(path, pre_buffer=False)
        self.schema, self.metadata = self._file.schema_arrow, self._file.metadata
        self.names = self.schema.names
        self._starts = [0]  # of the row groups, and the end
        for group in range(self.metadata.num_row_groups):
            self._starts.append(self._starts[-1] + self.metadata.row_group(group).num_rows)
        self._part = None

    def is_of(self, path, footer):
        # Of an object of a store there may be another file by now, with other parts of it.
        return self.path == path and self.footer == footer and self._identity == _identity(path)

    def rows(self, first, count, names):
        """Rows [first, first + count) of the file, as a table."""
        starts = self._starts
        end = first + count
        if end > starts[-1]:
            raise UnreadableError(
                "the descriptor names rows after the end of %s" % self.path, "CorruptDescriptor"
            )
        groups = [
            group for group in range(len(starts) - 1) if starts[group] < end and starts[group + 1] > first
        ]
        if len(groups) == 1 and (first > starts[groups[0]] or end < starts[groups[0] + 1]):
            return self._part_of(groups[0], first - starts[groups[0]], count, names)
        self._part = None
        table = self._file.read_row_groups(groups, columns=names, use_threads=False, use_pandas_metadata=True)
        return table.slice(first - starts[groups[0]], count)

    def _part_of(self, group, first, count, names):
        """Parts of a row group mostly come one behind the other: what is before and between is not read again."""
        if self._part is None or not self._part.leads_to(group, first):
            batches = self._file.iter_batches(
                count, row_groups=[group], columns=names, use_threads=False, use_pandas_metadata=True
            )
            self._part = _Part(group, batches)
        return self._arrow.Table.from_batches(self._part.take(first, count))


def _identity(path):
    try:
        now = os.stat(path)
    except OSError:
        return None
    return now.st_dev, now.st_ino


class _Part:
    def __init__(self, group, batches):
        self._group, self._batches = group, batches
        self._at = 0
        self._rest = None  # of the last batch

    def leads_to(self, group, first):
        return self._group == group and self._at <= first

    def take(self, first, count):
        taken = []
        while count > 0:
            batch = next(self._batches) if self._rest is None else self._rest
            self._rest = None
            skipped = min(first - self._at, batch.num_rows)
            used = min(batch.num_rows - skipped, count)
            if used:
                taken.append(batch.slice(skipped, used))
            if skipped + used < batch.num_rows:
                self._rest = batch.slice(skipped + used)
            self._at += skipped + used
            first += used
            count -= used
        return taken


class _Failures:
    """What Arrow says of a file that it cannot read, in words for the user."""

    def __init__(self, arrow, path):
        self._arrow, self._path = arrow, path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None or isinstance(error, ContractError):
            return False
        if isinstance(error, OSError) and error.errno:
            raise UnreadableError(
                "%s cannot be read: %s" % (self._path, error.strerror or error), kind.__name__
            ) from None
        if isinstance(error, MemoryError) or not isinstance(error, (self._arrow.ArrowException, OSError)):
            return False
        raise SliceError(
            "%s cannot be read as Parquet: %s. Was it cut while it was written or copied? Write the file again, or exclude "
            "it with the input's glob" % (self._path, self._why(error)),
            "NotParquet",
        ) from None

    def _why(self, error):
        try:
            with open(self._path, "rb") as file:
                head = file.read(4)
                size = file.seek(0, 2)
        except OSError:
            return error
        if size == 0:
            return "it is empty"
        if head == b"PARE":
            return "it is encrypted, which is not supported"
        if head != b"PAR1":
            return "it does not begin like a Parquet file"
        return str(error).strip().rstrip(".")
