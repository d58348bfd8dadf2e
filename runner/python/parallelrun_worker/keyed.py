"""Inputs of a job with partition keys: a mini-batch is all items with the same values. Around the reader of the input's
format, once for its files and once for records that were grouped on disk (runner/input/record_groups.h)."""

import os
import re
import struct

from parallelrun_worker import path_values, whole_numbers
from parallelrun_worker.csv_slice import CsvSlice, SliceError, descriptors_in, path_in, sized
from parallelrun_worker.failures import ContractError

_KEYED = 5  # DescriptorKind of runner/input/descriptor_kind.h
_FILES = 1
_U32 = struct.Struct("<I")
_U64S = struct.Struct("<QQ")
_AS_TEXT = 0  # KeyType of runner/input/key_value.h
_KINDS = ("string", "int64", "uint64", "float64", "bool")  # all of them but
_OTHER = 5  # the value is in the table
_PARQUET = 4


class _Key:
    __slots__ = ("name", "is_column", "compared_as", "text")


class _Batch:
    """A KeyedBatch descriptor (runner/input/keyed_batch.h)."""

    def __init__(self, descriptor):
        try:
            if descriptor[0] != _KEYED:
                raise IndexError
            (count,) = _U32.unpack_from(descriptor, 1)
            at = 1 + _U32.size
            self.keys = []
            for _ in range(count):
                key = _Key()
                name, at = sized(descriptor, at)
                key.name = name.decode("utf-8", "surrogateescape")
                key.is_column, key.compared_as, missing = descriptor[at : at + 3]
                text, at = sized(descriptor, at + 3)
                key.text = None if missing else text
                self.keys.append(key)
            self.is_grouped = descriptor[at] == 1
            self.pieces = list(descriptors_in(descriptor[at + 1 :]))
            at += 1 + _U32.size + sum(_U32.size + len(piece) for piece in self.pieces)
            self.origins_offset, self.origins_length = _U64S.unpack_from(descriptor, at)
            whole = at + _U64S.size == len(descriptor)
        except (struct.error, IndexError, ValueError):
            whole = False
        if not whole:
            raise ContractError("the descriptor of the mini-batch cannot be decoded", "CorruptDescriptor")


class KeyedInput:
    """A reader (readers.py)."""

    number_rows = False

    def __init__(self, entry):
        self.name = entry["name"]
        self.keys = list(entry["partition_keys"])
        # Of the last mini-batch: what its context gives the script.
        self.partition_key_value = None
        self._entry = {**entry, "kind": entry["inside"]}
        self._is_table = entry["inside"] != _FILES
        self._groups = entry["groups"]
        self._declared = dict(entry["key_types"])
        self._pattern = entry.get("pattern_names")  # None: paths give the keys of folders
        self._known = None  # (types, columns)
        self._places = []
        self._in_paths = None  # names of keys that are in paths, once a path was seen
        self._files = None  # the reader of the input's files
        self._records = None  # that of grouped records
        if not self._is_table:
            self._files = self._open(entry["directory"])

    @property
    def columns(self):
        return self._files.columns if self._files is not None else None

    def know(self, types, columns):
        self._known = (types, columns)
        for reader in (self._files, self._records):
            if reader is not None:
                reader.know(types, columns)

    def columns_of_frames(self):
        """Of what run() gets: keys in paths are columns too."""
        return [*self.columns, *(key for key in self.keys if key not in self.columns)]

    def places(self, descriptor, rows):
        batch = _Batch(descriptor)
        if not self._is_table:
            return self._files.places(batch.pieces[0], rows)
        if batch.is_grouped:
            origins = self._origins(batch, self._piece(batch))
            return [path for path, _ in origins], [row for _, row in origins]
        return [path for path, _ in self._places], [row for _, row in self._places]

    def say_readers(self, always):
        for reader in (self._files, self._records):
            if reader is not None:
                reader.say_readers(always)

    def infer_types(self, payload):
        if self._files is None:
            self._see_path(next(map(path_in, descriptors_in(payload)), ""))
        return self._reader_of_files().infer_types(payload)

    def read(self, descriptor):
        batch = _Batch(descriptor)
        if self._in_paths is None:
            self._in_paths = {key.name for key in batch.keys if not key.is_column}
        if not self._is_table:
            read = self._files.read(batch.pieces[0])
            self.partition_key_value = {key.name: self._value(key, None) for key in batch.keys}
            return read
        if batch.is_grouped:
            frame, items, path, rows = self._read_records(batch)
        else:
            frame, items, path, rows = self._read_files(batch)
        if frame is None:
            return frame, items, path, rows
        types = self._known[0] if self._known else {}
        values = {}
        for key in batch.keys:
            try:
                values[key.name] = value = self._value_in(frame, key, types)
                if not key.is_column:
                    path_values.add_column(frame, key.name, value, self._declared.get(key.name), self.name)
            except SliceError as error:
                error.items = items
                raise
        self.partition_key_value = values
        return frame, items, path, rows

    # --- readers of the input's format ---
    def _open(self, directory, grouped=False):
        from parallelrun_worker import readers

        keys = [key for key in self.keys if key not in (self._in_paths or ())]
        entry = {**self._entry, "directory": directory, "keys": keys, "grouped": grouped}
        if self._in_paths:
            columns = entry.get("columns") or {}
            entry["columns"] = {name: kind for name, kind in columns.items() if name not in self._in_paths}
        reader = readers.open_reader(entry)
        if self._known is not None:
            reader.know(*self._known)
        return reader

    def _see_path(self, path):
        """Which keys and declared columns are in paths: those of the pattern, or of the first folders."""
        if self._in_paths is None:
            folders = path_values.folder_keys(path).keys()
            in_paths = folders if self._pattern is None else self._pattern
            self._in_paths = (folders & set(self._declared)) | (set(in_paths) & set(self.keys))

    def _reader_of_files(self):
        if self._files is None:
            self._files = self._open(self._entry["directory"])
        return self._files

    def _reader_of_records(self):
        if self._records is None:
            self._records = self._open(self._groups, grouped=True)
        return self._records

    # --- what a mini-batch is made of ---
    def _read_files(self, batch):
        """Whole tables, one below the other."""
        reader = self._reader_of_files()
        reader.number_rows = self.number_rows
        self._places = []  # (path below the input, row) of each record
        frames, total, path, rows = [], 0, None, None
        for piece in batch.pieces:
            frame, items, path, rows = reader.read(piece)
            if frame is None or not items:
                continue
            frames.append(frame)
            total += items
            if self.number_rows:
                file, numbers = reader.places(piece, rows)
                self._places += [(file, row) for row in numbers]
        if not frames:
            return None, 0, path, rows
        if len(batch.pieces) > 1:
            path = rows = None
        return _joined(frames), total, path, rows

    def _read_records(self, batch):
        try:
            frame, items, _, _ = self._reader_of_records().read(batch.pieces[0])
            return frame, items, None, None
        except SliceError as error:
            error.args = (self._with_origins(str(error), batch), *error.args[1:])
            raise

    def _with_origins(self, message, batch):
        """The message, with the files and rows of the input where it has rows of the group."""
        piece = self._piece(batch)
        group = "the records of %r" % {
            key.name: key.text if key.text is None else key.text.decode("utf-8", "replace")
            for key in batch.keys
        }
        origins = None

        def place(found):
            nonlocal origins
            if found.group(3):
                return group
            if origins is None:
                origins = self._origins(batch, piece)
            number = int(found.group(2))
            if not 0 < number <= len(origins):
                return group
            path, row = origins[number - 1]
            return "%s%s, %s %d" % (self._entry["directory"], path, found.group(1), row)

        try:
            message = re.sub(re.escape(piece.path) + r", (row|line)s? (\d+)( to \d+)?", place, message)
        except (OSError, IndexError, ValueError):
            return message
        return message.replace(piece.path, "%s (%s)" % (group, piece.path))

    def _piece(self, batch):
        return CsvSlice(batch.pieces[0], self._groups.encode(), self._entry["kind"])

    def _origins(self, batch, piece):
        """[(path below the input, row)] of the records of a group (runner/input/record_groups.h, table_groups.h)."""
        folder, data_name = os.path.split(piece.path)
        # data-TOKEN and data-TOKEN-000000.parquet
        with open(os.path.join(folder, "names-" + data_name.split("-")[1]), "rb") as file:
            names = file.read().split(b"\0")
        if self._entry["kind"] == _PARQUET:
            found = self._reader_of_records().origins(piece)
            return [(os.fsdecode(names[number]), row) for number, row in found]
        with open(piece.path, "rb") as file:
            file.seek(batch.origins_offset)
            packed = file.read(batch.origins_length)
        numbers, number, shift = [], 0, 0
        for byte in packed:
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                numbers.append(number)
                number = shift = 0
        origins, file, row = [], 0, 0
        for files_on, rows_on in zip(numbers[::2], numbers[1::2]):
            row = rows_on if files_on else row + rows_on
            file += files_on
            origins.append((os.fsdecode(names[file]), row))
        return origins

    # --- values of keys ---
    def _value_in(self, frame, key, types):
        if not key.is_column:
            return self._value(key, None)
        if self._entry["kind"] != _PARQUET:
            return self._value(key, types.get(key.name))
        if key.text is None:
            return None
        if key.compared_as == _OTHER:
            return (frame[key.name] if key.name in frame.columns else frame.index.get_level_values(key.name))[
                :1
            ].to_list()[0]
        return path_values.value_of(
            key.text.decode("utf-8", "surrogateescape"), _KINDS[key.compared_as], key.name, self.name
        )

    def _value(self, key, kind):
        """As Python has it: of a column by the type that it has in the whole input, else by the declared one."""
        if key.text is None:
            return None
        declared = self._declared.get(key.name)
        # Where no sample told the type: as the keys were compared, which is by all values.
        kind = (kind or declared or (_KINDS[key.compared_as] if key.is_column else "string")).replace(
            "_or_missing", ""
        )
        if not key.is_column:
            text = os.fsdecode(key.text)
        else:
            text = key.text.decode(self._entry.get("encoding") or "utf-8", "replace")
        if key.is_column and key.compared_as == _AS_TEXT and kind in ("int64", "uint64", "float64", "bool"):
            raise SliceError(
                "the key column %r was taken for %s by a sample of the input, but it has other values too, so that keys were "
                "compared as text; declare its type: spec.inputs[%s].columns: {%s: string}"
                % (key.name, kind, self.name, key.name),
                "ValueError",
            )
        if key.is_column and declared is None and kind == "string" and key.compared_as != _AS_TEXT:
            raise SliceError(
                "the key column %r has texts for pandas, but keys were compared as %s, so that some of them may be in one "
                "mini-batch; declare its type: spec.inputs[%s].columns: {%s: string}"
                % (key.name, _KINDS[key.compared_as], self.name, key.name),
                "ValueError",
            )
        return path_values.value_of(text, kind, key.name, self.name)


def _joined(frames):
    """One DataFrame below the other. A whole number keeps its value where another file has gaps in its column."""
    import pandas

    if len(frames) == 1:
        return frames[0]

    for column in frames[0].columns:
        dtypes = {str(frame[column].dtype) for frame in frames}
        if len(dtypes) == 1 or not dtypes <= {"int64", "uint64", "float64", "Int64", "UInt64"}:
            continue
        whole = [frame for frame in frames if str(frame[column].dtype) in ("int64", "uint64")]
        nullable = dtypes & {"Int64", "UInt64"}
        if not whole and not nullable:
            continue
        if not nullable and all(
            whole_numbers.float64_holds_values(frame[column].to_numpy()) for frame in whole
        ):
            continue
        wanted = "UInt64" if dtypes & {"uint64", "UInt64"} else "Int64"
        for number, frame in enumerate(frames):
            frames[number] = frame.copy()
            frames[number][column] = frame[column].astype(wanted)
    return pandas.concat(frames, ignore_index=True)
