"""The values of partition keys in tables of Arrow (group_rows.py)."""

from parallelrun_worker import parquet_types
from parallelrun_worker.grouped_columns import FILE
from parallelrun_worker.grouped_schema import Trouble, family_of

# KeyType of runner/input/key_value.h
_TEXT, _INT64, _UINT64, _FLOAT64, _BOOL, _OTHER = range(6)
_DECLARED = {"string": _TEXT, "int64": _INT64, "float64": _FLOAT64, "bool": _BOOL}


class Keys:
    """The values of the keys of rows, as they are compared. The keys of paths come as one number for each file."""

    def __init__(self, arrow, request, schema):
        self._arrow, self._request = arrow, request
        self._path_numbers = {}  # texts -> number
        self.path_texts = []
        by_file = []
        for _, texts in request.files:
            number = self._path_numbers.setdefault(texts, len(self._path_numbers))
            if number == len(self.path_texts):
                self.path_texts.append(texts)
            by_file.append(number)
        self._by_file = arrow.array(by_file, arrow.int32())
        self._types = parquet_types.Types(arrow, request.input, request.declared)
        self.types = [self._type_of(schema.field(name).type, name) for name in request.columns]

    def _type_of(self, kind, name):
        types = self._arrow.types
        if name in self._request.declared:
            return _DECLARED[self._request.declared[name]]
        if types.is_dictionary(kind):
            kind = kind.value_type
        if types.is_boolean(kind):
            return _BOOL
        if types.is_uint64(kind):
            return _UINT64
        if types.is_integer(kind):
            return _INT64
        if types.is_floating(kind):
            return _FLOAT64
        return _TEXT if family_of(self._arrow, kind) in ("text", "nothing") else _OTHER

    def of(self, table):
        """(for each row which of the keys it has, the keys: (number of path texts, text or None, ...)), keys as they
        come first."""
        arrow, compute = self._arrow, self._arrow.compute
        encoded = self._by_file.take(table.column(FILE).combine_chunks()).dictionary_encode()
        codes, keys = encoded.indices, [(number,) for number in encoded.dictionary.to_pylist()]
        for name in self._request.columns:
            column = self._normal(table.column(name), name).dictionary_encode(null_encoding="encode")
            texts = self._texts(column.dictionary)
            # Not more combinations than rows: no product overflows.
            codes = compute.multiply(codes.cast(arrow.int64()), len(texts))
            encoded = compute.add(codes, column.indices.cast(arrow.int64())).dictionary_encode()
            codes = encoded.indices
            keys = [
                (*keys[code // len(texts)], texts[code % len(texts)])
                for code in encoded.dictionary.to_pylist()
            ]
        return codes, keys

    def _normal(self, column, name):
        """The same value for all that is equal: one missing value, one zero."""
        arrow, compute = self._arrow, self._arrow.compute
        column = combined(column)
        if name in self._request.declared:
            declared = self._request.declared[name]
            try:
                fitting = self._types.as_declared(column, declared)
                why = "the type %s does not become that" % column.type
            except arrow.ArrowException as error:
                fitting, why = None, str(error).split("\n")[0]
            if fitting is None:
                raise Trouble(
                    "input",
                    "the partition key %r is declared %s in spec.inputs[%s].columns, and its values do not fit: %s. Declare "
                    "another type" % (name, declared, self._request.input, why),
                )
            column = combined(fitting)
        if arrow.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if str(column.type) == "string_view":
            column = column.cast(arrow.string())
        if arrow.types.is_floating(column.type):
            column = column.cast(arrow.float64())
            column = compute.if_else(compute.is_nan(column), arrow.scalar(None, arrow.float64()), column)
            column = compute.if_else(compute.equal(column, 0.0), 0.0, column)
        return column

    def _texts(self, values):
        types, kind = self._arrow.types, values.type
        if types.is_floating(kind):
            return [None if value is None else repr(value) for value in values.to_pylist()]
        if types.is_timestamp(kind) and kind.tz:  # no file of time zones is needed for this
            values = values.cast(self._arrow.timestamp(kind.unit, "UTC"))
        return values.cast(self._arrow.string()).to_pylist()


def combined(column):
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column
