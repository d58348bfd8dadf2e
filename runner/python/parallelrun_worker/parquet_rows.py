"""What run() returned, as the part of a Parquet file that one mini-batch is: the column chunks, of which the orchestrator
composes the file (runner/output/parquet_rows.h).

The columns are those of a DataFrame, the keys of dicts, the fields of named tuples, else one column "value". Types are
those that pyarrow.Table.from_pandas gives, but for a few that are made alike here, since they differ with the values:
a column must have one type in all mini-batches.

The form of the bytes is written down in runner/output/parquet_piece.h.
"""

import json
import struct
import sys

from parallelrun_worker.arrow_import import import_pyarrow
from parallelrun_worker.failures import ContractError
from parallelrun_worker.plain_values import Unfit, column_names, name_of
from parallelrun_worker.results import bounded, kind_of, type_name

_NULLABLE = ("Int", "UInt", "Float", "boolean", "string")  # dtypes of pandas that Arrow's types do not tell


class ParquetRows:
    """The RowEncoder of output.format: parquet."""

    def __init__(self):
        self._arrow = import_pyarrow("output.format: parquet")

    def encode(self, result, along=None):
        count = len(result) if kind_of(result) else 0
        if count == 0:
            return 0, b""
        columns = list(_columns(result))
        if not columns:
            raise ContractError(
                "the result has no column, but output.format: parquet needs at least one; return rows with values"
            )
        if along is not None:
            along.must_differ([name for name, _ in columns])
            columns = along.of(result, "parquet") + columns
        names = [name for name, _ in columns]
        _must_be_unicode(names)
        arrays = [self._array(name, values) for name, values in columns]
        dtypes = [getattr(values, "dtype", None) for _, values in columns]
        return count, self._encoded(names, arrays, dtypes)

    def _array(self, name, values):
        arrow = self._arrow
        try:
            array = arrow.array(values, from_pandas=True)
            if isinstance(array, arrow.ChunkedArray):
                array = arrow.concat_arrays(array.chunks) if array.num_chunks else arrow.array([], array.type)
            declared = type(getattr(values, "dtype", None)).__name__ == "ArrowDtype"
            kind = (
                array.type
                if declared and arrow.types.is_decimal(array.type)
                else _same_for_all(arrow, array.type)
            )
            return array if kind == array.type else array.cast(kind)
        except (arrow.ArrowException, OverflowError, TypeError, ValueError, UnicodeError) as error:
            raise ContractError(
                "the column %r of the result cannot be written as Parquet: %s. All values of a column must have one type that "
                "Arrow has; convert them to str, numbers, dates, lists or dicts"
                % (name, str(error).strip().rstrip(".")),
                type(error).__name__,
            ) from None

    def _encoded(self, names, arrays, dtypes):
        arrow = self._arrow
        schema = arrow.schema([arrow.field(name, array.type) for name, array in zip(names, arrays)])
        table = arrow.Table.from_arrays(arrays, schema=schema)
        sink = arrow.BufferOutputStream()
        try:
            with arrow.parquet.ParquetWriter(
                sink,
                schema,
                version="2.6",
                data_page_version="1.0",
                use_dictionary=False,
                compression="snappy",
                write_statistics=False,
                store_schema=False,
            ) as writer:
                writer.write_table(table, row_group_size=len(table))
        except arrow.ArrowException as error:
            raise ContractError(
                "the result cannot be written as Parquet: %s" % str(error).strip(), type(error).__name__
            ) from None
        told = [_dtype(dtype) for dtype in dtypes]
        head = {
            "columns": [
                [
                    field.name,
                    str(field.type),
                    dtype,
                    array.null_count < len(array),
                    json.dumps(_shape(arrow.types, field.type)),
                ]
                for field, dtype, array in zip(schema, told, arrays)
            ],
            "pandas": sys.modules["pandas"].__version__ if any(told) else None,
        }
        parts = [json.dumps(head).encode(), schema.serialize().to_pybytes()]
        data = b"".join(struct.pack("<I", len(part)) + part for part in parts)
        return bounded(data + sink.getvalue().to_pybytes())


def _columns(result):
    """(name, values) of each."""
    kind = kind_of(result)
    if kind == "frame":
        return zip(column_names(result), (result.iloc[:, place] for place in range(result.shape[1])))
    if kind == "array2d":
        return ((str(place), result[:, place]) for place in range(result.shape[1]))
    if kind == "array1d":
        names = result.dtype.names
        return [("value", result)] if not names else ((name, result[name]) for name in names)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(result, pandas.Series):
        return [("value" if result.name is None else _name(result.name, "the name of the Series"), result)]
    return _columns_of_elements(list(result))


def _columns_of_elements(elements):
    first = elements[0]
    if isinstance(first, dict):
        for index, element in enumerate(elements):
            if not isinstance(element, dict) or element.keys() != first.keys():
                raise ContractError(
                    "element %d of the result is no dict with the keys of element 0 (%s); with output.format: parquet all "
                    "dicts must have the same keys. Use None where there is no value"
                    % (index, ", ".join(map(repr, list(first)[:10]))),
                    "ValueError",
                )
        names = [_name(key, "a key of element 0") for key in first]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ContractError("element 0 of the result has two keys %r; rename one" % twice, "ValueError")
        return [(name, [element[key] for element in elements]) for name, key in zip(names, first)]
    fields = getattr(first, "_fields", None)
    if isinstance(first, tuple) and fields and all(type(element) is type(first) for element in elements):
        return [(name, [element[place] for element in elements]) for place, name in enumerate(fields)]
    return [("value", elements)]


def _name(key, what):
    try:
        return name_of(key)
    except Unfit:
        raise ContractError(
            "%s of the result is %.100r (%s), which cannot be the name of a column; use a str"
            % (what, key, type_name(key)),
            "TypeError",
        ) from None


def _must_be_unicode(names):
    for name in names:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise ContractError(
                "the name %r of a column of the result contains a lone surrogate, which is no text; rename it"
                % name,
                "UnicodeEncodeError",
            ) from None


def _same_for_all(arrow, kind):
    """The type for one that depends on the values, or on the version of pandas."""
    types = arrow.types
    if types.is_dictionary(kind):
        values = _same_for_all(arrow, kind.value_type)
        # The order of categories cannot be told where each mini-batch has its own.
        if kind.ordered or types.is_null(values):
            return values
        return arrow.dictionary(arrow.int32(), values)
    if types.is_timestamp(kind) and kind.unit in ("s", "ms"):
        return arrow.timestamp("us", kind.tz)
    if types.is_duration(kind) and kind.unit in ("s", "ms"):
        return arrow.duration("us")
    if types.is_decimal128(kind):
        return arrow.decimal128(38, kind.scale)
    name = str(kind)
    if name in ("large_string", "string_view"):
        return arrow.string()
    if name in ("large_binary", "binary_view"):
        return arrow.binary()
    if types.is_list(kind) or types.is_large_list(kind):
        return arrow.list_(_same_for_all(arrow, kind.value_type))
    if types.is_struct(kind):
        return arrow.struct([(field.name, _same_for_all(arrow, field.type)) for field in kind])
    return kind


def _shape(types, kind):
    """What two types must have in common for their pages to be alike: ["struct", [name, shape], ...], ["list", shape], else
    the name of the type."""
    if types.is_struct(kind):
        return ["struct", *([field.name, _shape(types, field.type)] for field in kind)]
    if types.is_map(kind):
        return ["map", _shape(types, kind.key_type), _shape(types, kind.item_type)]
    if types.is_list(kind):
        return ["list", _shape(types, kind.value_type)]
    return str(kind)


def _dtype(dtype):
    """Of pandas, where Arrow's type does not tell it: Int64, boolean, string."""
    if dtype is None or type(dtype).__module__.partition(".")[0] != "pandas":
        return None
    return str(dtype) if str(dtype).startswith(_NULLABLE) else None
