"""Who reads the mini-batches of an input: one reader for each kind of descriptor, the twin of an input format of
runner/input. A reader is made of the input's entry in the configuration and has

    read(descriptor)         (what run() gets, items, path and range of rows for its context, or None and None)
    infer_types(payload)     {column: type} for the whole input, from a sample: u32 count | count x bytes descriptor
    know(types, columns)     what was decided of that, and in which order the columns come, or None
    columns                  the names of the columns, as far as they are known
    places(descriptor, rows) where the items of the mini-batch that was read last lie: (paths below the input's directory, one
                             for each item or one for all; their row numbers, or None where items are whole files)
    number_rows              to be set to True before places() is used
    say_readers(always)      at the end: what is worth knowing of how it has read, on stderr
    partition_key_value      of the mini-batch that was read last, where the job has partition keys

Paths in descriptors are relative to entry["directory"], which ends in a slash."""

from importlib import import_module

from parallelrun_worker.failures import ContractError

# The first byte of a descriptor (runner/input/descriptor_kind.h) -> module and class. Imported when an input needs it.
_READERS = {
    1: ("file_list", "FileList"),
    2: ("tabular", "TabularInput"),
    3: ("json_lines", "JsonLinesInput"),
    4: ("parquet_input", "ParquetInput"),
    5: ("keyed", "KeyedInput"),
    8: ("sql_input", "SqlInput"),
}


_TABLES = (2, 3, 4)


def open_reader(entry):
    module, name = _READERS[entry["kind"]]
    reader = getattr(import_module("parallelrun_worker." + module), name)
    if entry["kind"] in _TABLES and entry.get("columns"):
        from parallelrun_worker.path_values import FolderColumns

        return FolderColumns(entry, reader)
    return reader(entry)


class WithoutColumns:
    """What readers have in common whose mini-batches are no tables."""

    columns = None
    number_rows = False

    def infer_types(self, payload):
        raise ContractError("this input has no columns", "CorruptDescriptor")

    def know(self, types, columns):
        pass

    def say_readers(self, always):
        pass
