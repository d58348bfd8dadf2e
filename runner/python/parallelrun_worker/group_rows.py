"""Groups the rows of Parquet files by the values of columns, on disk: a program that the planner starts
(runner/input/table_groups.h), since values are read by the library that reads them anyway.

    python3 -I group_rows.py REQUEST RESULT
    python3 -I group_rows.py --check REQUEST (in hexadecimal digits)

It only writes into the folder of RESULT, and ends with its parent. On standard output it writes one object of JSON: {} or
{"error": a sentence, "kind": "input", "room", "io" or "python"}; of a check also {"columns": [...]}.

Rows are copied twice, each time in large pieces. First they go to parts by their keys, each a stream of Arrow, which also has
the number of the file and of the row. Then each part, which fits into memory, is sorted by key and written as Parquet: group
after group, in row groups of about _ROW_GROUP bytes, so that the rows of one group are read without those of many others."""

import ctypes
import json
import os
import signal
import struct
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from parallelrun_worker.csv_slice import SliceError
from parallelrun_worker.grouped_columns import FILE, ROW
from parallelrun_worker.grouped_keys import Keys
from parallelrun_worker.grouped_parts import Categories, Output, Part
from parallelrun_worker.grouped_schema import Schema, Trouble, reading
from parallelrun_worker.stored_tables import StoredTables

_PR_SET_PDEATHSIG = 1
_OLDEST = 14
_MOST_PARTS = 128  # each has an open file
_MOST_BATCH_ROWS = 65536
_PROBE_ROWS = 64
_ROW_GROUP = 128 << 10  # bytes in memory: the groups that lie together


class _Request:
    """What table_groups.cpp writes: u32 size | JSON | u32 files | files x {bytes path | in a store: u8 size is known |
    u64 size | bytes version | by key in paths: u8 missing | bytes text}."""

    def __init__(self, data):
        (size,) = struct.unpack_from("<I", data)
        told = json.loads(data[4 : 4 + size])
        self.parent = told["parent"]
        self.check = told["check"]
        self.input = told["input"]
        self.root = bytes.fromhex(told["root"])
        self.columns = told["columns"]  # keys that are columns
        self.paths = told["paths"]  # how many keys are in paths
        self.declared = told["declared"]  # {column: type}; empty: all columns are read
        self.memory = told["memory"]  # bytes that one part may have
        self.token = told["token"]  # in the names of all files
        self.files = []
        store, objects = told.get("store"), []
        at = 4 + size
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
        for _ in range(count):
            path, at = _sized(data, at)
            if store is not None:
                known, size = struct.unpack_from("<BQ", data, at)
                version, at = _sized(data, at + 9)
                objects.append((os.fsdecode(path), size if known else None, os.fsdecode(version)))
            texts = []
            for _ in range(self.paths):
                missing = data[at]
                text, at = _sized(data, at + 1)
                texts.append(None if missing else text)
            self.files.append((path, tuple(texts)))
        # None: files of this machine.
        self.stored = store and StoredTables(
            bytes.fromhex(store["socket"]), store["input"], bytes.fromhex(store["directory"]), objects
        )

    def size(self, number):
        return self.stored.size(number) if self.stored else os.path.getsize(self.path(number))

    def path(self, number):
        return os.fsdecode(self.root + self.files[number][0])


def _sized(data, at):
    (size,) = struct.unpack_from("<I", data, at)
    return data[at + 4 : at + 4 + size], at + 4 + size


def _put_sized(out, data):
    out += struct.pack("<I", len(data))
    out += data


class _Grouping:
    def __init__(self, arrow, request, schema, folder):
        self._arrow, self._folder = arrow, folder
        self._request = self.request = request
        self._source = schema
        numbers = [arrow.field(FILE, arrow.int32()), arrow.field(ROW, arrow.int64())]
        target = schema.schema
        self._target = arrow.schema([*target, *numbers], metadata=target.metadata)
        self._plain = arrow.schema([*(self._plain_field(field) for field in target), *numbers])
        self._categories = {
            field.name: Categories(arrow, field.name, field.type)
            for field in target
            if arrow.types.is_dictionary(field.type)
        }
        self.keys = Keys(arrow, request, target)
        self.output = Output(arrow, folder, request.token, self._target, self._categories)
        self._parts = 0

    def group(self):
        source = self._source
        # Parts of half the bound, since keys spread unevenly and values are often larger in memory.
        wanted = min(_MOST_PARTS, 4 * source.bytes // self._request.memory + 1)
        parts = [self._new_part() for _ in range(wanted)]
        places = {}

        def place_of(key):
            return places.setdefault(key, hash(key) % wanted) if len(places) < 200_000 else hash(key) % wanted

        waiting, size = [], 0
        for number in range(len(self._request.files)):
            for table in self._tables_of(number):
                waiting.append(table)
                size += table.nbytes
                if size >= self._request.memory // 4:
                    self._deal(self._arrow.concat_tables(waiting), parts, place_of)
                    waiting, size = [], 0
        if waiting:
            self._deal(self._arrow.concat_tables(waiting), parts, place_of)
            waiting = []
        for part in parts:
            part.end()
        for part in parts:
            self._gather(part)
        self.output.close()

    # --- first pass ---
    def _plain_field(self, field):
        if self._arrow.types.is_dictionary(field.type):
            return self._arrow.field(field.name, field.type.value_type)
        return self._arrow.field(field.name, field.type)

    def _new_part(self):
        self._parts += 1
        name = "spill-%s-%06d" % (self._request.token, self._parts)
        return Part(self._arrow, os.path.join(self._folder, name), self._plain)

    def _tables_of(self, number):
        """The rows of a file, as they are spilled."""
        path, row = self._request.path(number), 0
        with reading(self._arrow, path):
            file = self._source.open(number)
            names = self._source.names
            rows = _MOST_BATCH_ROWS
            for probe in self._batches(file, number, _PROBE_ROWS):
                each = max(1, probe.nbytes // max(1, probe.num_rows))
                rows = max(1, min(rows, self._request.memory // 8 // each))
                break
            for batch in self._batches(file, number, rows):
                if batch.num_rows == 0:
                    continue
                yield self._fitted(self._arrow.Table.from_batches([batch]).select(names), number, row)
                row += batch.num_rows

    def _batches(self, file, number, rows):
        names, stored = self._source.names, self._request.stored
        if stored is None:
            yield from file.iter_batches(rows, columns=names, use_threads=False)
            return
        # The chunks of a row group come together, those of the next one while it is read.
        metadata, before = file.metadata, ()
        for group in range(metadata.num_row_groups):
            if group == 0:
                before = stored.expect(number, _chunks(metadata.row_group(0), names))
            if group + 1 < metadata.num_row_groups:
                before = stored.expect(number, _chunks(metadata.row_group(group + 1), names), before)
            yield from file.iter_batches(rows, row_groups=[group], columns=names, use_threads=False)

    def _fitted(self, table, number, before):
        arrow = self._arrow
        columns = []
        for place, name in enumerate(self._source.names):
            column, wanted = table.column(place), self._plain.field(place).type
            if name in self._categories:
                self._categories[name].see(column)
            if column.type != wanted:
                try:
                    column = column.cast(wanted)
                except arrow.ArrowException as error:
                    raise Trouble(
                        "input",
                        "%s, column %r has the type %s, but the column has the type %s in all files together, first in %s, and "
                        "the values do not fit that (%s). All files of an input must have the same types: give this file an "
                        "input of its own, exclude it with the input's glob, or write it again"
                        % (
                            self._request.path(number),
                            name,
                            table.column(place).type,
                            self._target.field(place).type,
                            self._request.path(self._source.first),
                            str(error).split("\n")[0],
                        ),
                    ) from None
            columns.append(column)
        columns.append(arrow.repeat(arrow.scalar(number, arrow.int32()), table.num_rows))
        first = before + 1
        columns.append(arrow.arange(first, first + table.num_rows))
        return arrow.Table.from_arrays(columns, schema=self._plain)

    def _deal(self, table, parts, place_of):
        """Each row to the part of its key."""
        arrow, compute = self._arrow, self._arrow.compute
        if len(parts) == 1:
            parts[0].add(table)
            return
        codes, keys = self.keys.of(table)
        places = arrow.array([place_of(key) for key in keys], arrow.int32()).take(codes)
        table = table.take(compute.array_sort_indices(places)).combine_chunks()
        counts = {one["values"]: one["counts"] for one in compute.value_counts(places).to_pylist()}
        at = 0
        for place in sorted(counts):
            parts[place].add(table.slice(at, counts[place]))
            at += counts[place]

    # --- second pass ---
    def _gather(self, part):
        if part.rows:
            if part.bytes <= self._request.memory:
                self._sort(self._arrow.concat_tables(part.tables()))
            else:
                self._split(part)
        part.remove()
        self._arrow.default_memory_pool().release_unused()

    def _sort(self, table):
        """Writes the groups of a table."""
        compute = self._arrow.compute
        codes, keys = self.keys.of(table)
        counts = [0] * len(keys)
        for one in compute.value_counts(codes).to_pylist():
            counts[one["values"]] = one["counts"]
        table = table.take(compute.array_sort_indices(codes)).combine_chunks()
        each = max(1, table.nbytes // max(1, table.num_rows))
        first = at = 0
        groups = []
        for key, rows in zip(keys, counts):
            if rows * each >= _ROW_GROUP:
                if groups:
                    self.output.write(table.slice(first, at - first), groups)
                self.output.begin_group(key)
                self.output.add_to_group(table.slice(at, rows))
                self.output.end_group()
                at += rows
                first, groups = at, []
                continue
            groups.append((key, rows))
            at += rows
            if (at - first) * each >= _ROW_GROUP:
                self.output.write(table.slice(first, at - first), groups)
                first, groups = at, []
        if groups:
            self.output.write(table.slice(first, at - first), groups)

    def _split(self, part):
        """A part that is too large becomes several, by how much each of its keys has. One that a single key fills is copied
        as it is."""
        sizes = {}
        for table in part.tables():
            codes, keys = self.keys.of(table)
            each = max(1, table.nbytes // max(1, table.num_rows))
            for one in self._arrow.compute.value_counts(codes).to_pylist():
                key = keys[one["values"]]
                sizes[key] = sizes.get(key, 0) + one["counts"] * each
        if len(sizes) == 1:
            self.output.begin_group(next(iter(sizes)))
            for table in part.tables():
                self.output.add_to_group(table)
            self.output.end_group()
            return
        most = max(self._request.memory // 2, sum(sizes.values()) // (_MOST_PARTS // 2))
        # The large ones each alone, so that there are at least two.
        places, place, filled = {}, 0, 0
        for key, size in sorted(sizes.items(), key=lambda entry: -entry[1]):
            if filled and filled + size > most:
                place, filled = place + 1, 0
            places[key] = place
            filled += size
        if place == 0:
            places[next(reversed(places))] = place = 1
        parts = [self._new_part() for _ in range(place + 1)]
        for table in part.tables():
            self._deal(table, parts, places.__getitem__)
        for one in parts:
            one.end()
        part.empty()
        for one in parts:
            self._gather(one)


def _chunks(group, names):
    """(begin, end) of the bytes of columns in a row group, as far as the footer can be trusted."""
    found = []
    for number in range(group.num_columns):
        column = group.column(number)
        if column.path_in_schema.split(".")[0] not in names:
            continue
        begin = min(at for at in (column.dictionary_page_offset, column.data_page_offset) if at is not None)
        if begin > 0 and column.total_compressed_size > 0:
            found.append((begin, begin + column.total_compressed_size))
    return found


def _write_result(path, grouping, schema):
    """u8 types, each u8 | u32 files, each bytes name | u64 groups, each u32 file | u64 rows before | u64 rows | u32 path
    texts | by key in columns: u8 missing | bytes text; then the numbers of the files without a row and of those with another
    order, each u32 count | count x u32."""
    out = bytearray()
    keys = grouping.keys
    out += struct.pack("<I", len(keys.types)) + bytes(keys.types)
    out += struct.pack("<I", len(grouping.output.names))
    for name in grouping.output.names:
        _put_sized(out, name.encode())
    # A file that each path text is of: the planner knows the texts.
    of_texts = {}
    for number, (_, texts) in enumerate(grouping.request.files):
        of_texts.setdefault(texts, number)
    out += struct.pack("<Q", len(grouping.output.groups))
    for file, before, rows, (number, *texts) in grouping.output.groups:
        out += struct.pack("<IQQI", file, before, rows, of_texts[keys.path_texts[number]])
        for text in texts:
            out.append(text is None)
            _put_sized(out, b"" if text is None else text.encode("utf-8", "surrogateescape"))
    for numbers in (schema.empty, schema.other_order):
        out += struct.pack("<I", len(numbers)) + struct.pack("<%dI" % len(numbers), *numbers)
    with open(path, "wb") as file:
        file.write(out)


def _check_room(folder, schema):
    """What the groups take, about as the files do, and what their rows take before they are sorted."""
    info = os.statvfs(folder)
    needed, free = schema.disk + schema.disk // 4 + schema.bytes, info.f_bavail * info.f_frsize
    if free < needed:
        raise Trouble(
            "room",
            "rows are grouped in '%s', which needs %d MB, and only %d MB are free; free some space, or give the job an output "
            "directory on a larger disk" % (folder, (needed >> 20) + 1, free >> 20),
        )


def _import_arrow():
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise Trouble("python", "%s cannot import pyarrow: %s" % (sys.executable, error)) from None
    if int(pyarrow.__version__.split(".")[0]) < _OLDEST:
        raise Trouble("python", "%s has pyarrow %s" % (sys.executable, pyarrow.__version__))
    pyarrow.set_cpu_count(1)
    return pyarrow


def _run(result_path=None):
    request = _Request(sys.stdin.buffer.read())
    # Also where it waits for a file system: a successor begins anew.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != request.parent:
        sys.exit(1)
    arrow = _import_arrow()
    schema = Schema(arrow, request)
    if request.check:
        columns = schema.columns(0)
        if not set(request.columns) <= set(columns):  # the planner knows how to say it
            return {"columns": columns}
    for number in range(len(request.files)):
        schema.look(number)
    schema.settle()
    if request.check:
        return {"columns": columns}
    folder = os.path.dirname(result_path)
    _check_room(folder, schema)
    grouping = _Grouping(arrow, request, schema, folder)
    grouping.group()
    _write_result(result_path, grouping, schema)
    return {}


def _main():
    try:
        answer = _run(*sys.argv[1:])
    except Trouble as trouble:
        answer = {"error": str(trouble), "kind": trouble.kind}
    except SliceError as error:
        answer = {"error": str(error), "kind": "input"}
    except MemoryError:
        answer = {"error": "there is not enough memory to group the rows", "kind": "io"}
    except OSError as error:
        full = error.errno in (28, 122)  # ENOSPC, EDQUOT
        answer = {"error": "rows cannot be grouped: %s" % error, "kind": "room" if full else "io"}
    print(json.dumps(answer))


if __name__ == "__main__":
    _main()
