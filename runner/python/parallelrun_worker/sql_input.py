"""Tabular inputs of databases: the rows that the data process has read (runner/python/parallelrun_data/sql_types.py), as a
DataFrame. Their types are those of the database's columns, the same in every mini-batch:

    whole numbers   int64 where the column cannot be without a value, else Int64
    bools           bool, else boolean
    NUMERIC         decimal.Decimal objects, with all digits
    dates and times datetime64[us], with a zone in UTC
    the rest        as pandas makes it of Arrow's type"""

import decimal
import json
import os
import struct

from parallelrun_worker import freed_memory, parquet_types
from parallelrun_worker.arrow_import import import_pyarrow
from parallelrun_worker.csv_slice import SliceError, UnreadableError, sized
from parallelrun_worker.failures import ContractError
from parallelrun_worker.tabular import import_pandas

_KIND = 8  # DescriptorKind of runner/input/descriptor_kind.h
_DECIMAL = {b"parallelrun": b"decimal"}


class SqlInput:
    """A reader (readers.py)."""

    number_rows = False
    columns = None

    def __init__(self, entry):
        self.name = entry["name"]
        self._root = entry["directory"].encode()
        self._pandas = import_pandas()
        self._arrow = import_pyarrow("an input from a database")
        self._declared = dict(entry.get("columns") or {})
        self._types = parquet_types.Types(self._arrow, self.name, self._declared)
        # Of the last mini-batch: what its context gives the script.
        self.partition_key_value = None
        freed_memory.keep()

    def know(self, types, columns):
        pass

    def infer_types(self, payload):
        raise ContractError("the types of this input are those of the database", "CorruptDescriptor")

    def say_readers(self, always):
        pass

    def places(self, descriptor, rows):
        return _decoded(descriptor)[1]["label"], rows

    def read(self, descriptor):
        path, facts = _decoded(descriptor)
        try:
            with self._arrow.OSFile(os.fsdecode(self._root + path)) as file:
                table = self._arrow.ipc.open_file(file).read_all()
        except OSError as error:
            raise UnreadableError(
                "the rows of %s cannot be read: %s" % (facts["label"], error.strerror or error), "OSError"
            ) from None
        rows = range(facts["first"], facts["first"] + table.num_rows)
        if table.num_rows == 0:
            return None, 0, facts["label"], rows
        try:
            frame = self._frame(table, facts["label"], rows)
            if "partitionKeys" in facts:
                self.partition_key_value = {
                    name: self._value(frame[name].iloc[0]) for name in facts["partitionKeys"]
                }
            return frame, table.num_rows, facts["label"], rows
        except SliceError as error:
            error.items = table.num_rows
            raise

    def _frame(self, table, label, rows):
        decimals = [field.name for field in table.schema if field.metadata == _DECIMAL]
        nullable = {field.name for field in table.schema if field.nullable}
        table = self._types.fit(self._bools(table), label, rows)
        frame = table.to_pandas(use_threads=False)
        types = self._arrow.types
        for name, column in zip(table.column_names, table.columns):
            if name in self._declared:
                # Declared whole numbers come as such, but for a mini-batch that has a gap.
                if column.null_count and types.is_integer(column.type):
                    frame[name] = self._as(self._pandas.Int64Dtype(), column)
                elif column.null_count and types.is_boolean(column.type):
                    frame[name] = self._as(self._pandas.BooleanDtype(), column)
            elif name in decimals:
                frame[name] = self._pandas.Series(
                    [None if text is None else decimal.Decimal(text) for text in column.to_pylist()],
                    dtype=object,
                )
            elif name in nullable and types.is_integer(column.type):
                frame[name] = self._as(self._pandas.Int64Dtype(), column)
            elif name in nullable and types.is_boolean(column.type):
                frame[name] = self._as(self._pandas.BooleanDtype(), column)
        return frame

    def _value(self, value):
        """As Python has it; the database has said that all rows have the same."""
        if self._pandas.isna(value):
            return None
        return value.item() if hasattr(value, "item") else value

    def _as(self, dtype, column):
        return self._pandas.Series(dtype.__from_arrow__(column))

    def _bools(self, table):
        """SQLite has no bools: where they are declared, 0 and 1 are some."""
        for place, name in enumerate(table.column_names):
            column = table.column(place)
            if self._declared.get(name) != "bool" or not self._arrow.types.is_integer(column.type):
                continue
            if set(column.unique().to_pylist()) <= {0, 1, None}:
                table = table.set_column(place, name, column.cast(self._arrow.bool_()))
        return table


def _decoded(descriptor):
    """(path, facts): see runner/input/sql_table.h."""
    try:
        if descriptor[0] != _KIND:
            raise ValueError
        path, at = sized(descriptor, 1)
        facts, at = sized(descriptor, at)
        if at != len(descriptor):
            raise ValueError
        return path, json.loads(facts)
    except (struct.error, IndexError, ValueError):
        raise UnreadableError(
            "the descriptor of the mini-batch cannot be decoded", "CorruptDescriptor"
        ) from None
