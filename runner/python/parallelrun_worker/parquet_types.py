"""The types of the columns of a Parquet input: those of the schemas of its files, one for each column in the whole
input."""

import json
import re

from parallelrun_worker.csv_slice import SliceError

_GAPS = " or missing"
_WITH_ARGUMENT = re.compile(r"timestamp\[(s|ms|us|ns), tz=(.+)\]|decimal128\((\d+), (-?\d+)\)")
_WANTED = {
    "string": "string",
    "int64": "int64 (whole numbers)",
    "float64": "float64 (numbers)",
    "bool": "bool",
    "datetime": "datetime",
}


class Merger:
    """One type for each column of several files: one that holds the values of all where there is one, else that of the
    first file."""

    def __init__(self, arrow):
        self._arrow = arrow
        self._found = {}
        self._gaps = set()

    def add(self, schema, metadata, names, most_statistics):
        for name in names:
            found = schema.field(name).type
            self._found[name] = self._common(self._found[name], found) if name in self._found else found
        self._find_gaps(schema, metadata, set(names) - self._gaps, most_statistics)

    def type_of(self, name):
        return self._found[name]

    def types(self, leave_out):
        types = self._arrow.types
        return {
            name: str(kind)
            + (_GAPS if name in self._gaps and (types.is_integer(kind) or types.is_boolean(kind)) else "")
            for name, kind in self._found.items()
            if name not in leave_out
        }

    def _common(self, one, other):
        if one.equals(other):
            return one
        schemas = [self._arrow.schema([("a", kind)]) for kind in (one, other)]
        try:
            return self._arrow.unify_schemas(schemas, promote_options="permissive").field(0).type
        except (self._arrow.ArrowException, TypeError):
            return one

    def _find_gaps(self, schema, metadata, names, most):
        types = self._arrow.types
        names = {
            name
            for name in names
            if types.is_integer(schema.field(name).type) or types.is_boolean(schema.field(name).type)
        }
        if not names or metadata.num_row_groups == 0:
            return
        first = metadata.row_group(0)
        places = [
            (place, path)
            for place, path in (
                (place, first.column(place).path_in_schema) for place in range(metadata.num_columns)
            )
            if path in names
        ]
        for group in range(min(metadata.num_row_groups, most // max(1, len(places)))):
            columns = metadata.row_group(group)
            for place, name in places:
                statistics = columns.column(place).statistics if name not in self._gaps else None
                if statistics is not None and statistics.has_null_count and statistics.null_count:
                    self._gaps.add(name)


class Types:
    """What was decided of the types of an input, and what was declared."""

    def __init__(self, arrow, input_name, declared):
        self._arrow, self._input, self._declared = arrow, input_name, declared
        self._names = {}  # column -> Arrow's name of its type
        self._gaps = set()

    def know(self, types):
        self._names = {
            name: kind[: -len(_GAPS)] if kind.endswith(_GAPS) else kind for name, kind in types.items()
        }
        self._gaps = {name for name, kind in types.items() if kind.endswith(_GAPS)}

    def has_gaps(self, name):
        return name in self._gaps

    def fit(self, table, path, rows):
        """The table with the input's types. Raises SliceError for a value that does not fit."""
        for place, name in enumerate(table.column_names):
            column = table.column(place)
            try:
                if name in self._declared:
                    fitting = self.as_declared(column, self._declared[name])
                else:
                    fitting = self._as_decided(column, self._names.get(name))
            except self._arrow.ArrowException as error:
                raise self._misfit(name, column, path, rows, str(error).split("\n")[0]) from None
            if fitting is None:
                raise self._misfit(name, column, path, rows, None)
            if fitting is not column:
                table = _without_pandas_type(table.set_column(place, name, fitting), name)
        return table

    def _as_decided(self, column, name):
        if name is None or str(column.type) == name:
            return column
        wanted = self._type_of(name)
        return None if wanted is None else column.cast(wanted)

    def _type_of(self, name):
        found = _WITH_ARGUMENT.fullmatch(name)
        if found is None:
            try:
                return self._arrow.type_for_alias(name)
            except ValueError:
                return None
        unit, zone, precision, scale = found.groups()
        if unit:
            return self._arrow.timestamp(unit, zone)
        return self._arrow.decimal128(int(precision), int(scale))

    def as_declared(self, column, declared):
        """None: there is no way from one to the other that keeps the values."""
        arrow, types, kind = self._arrow, self._arrow.types, column.type
        if types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if types.is_null(kind) or declared == "string":
            is_text = types.is_string(kind) or types.is_large_string(kind)
            return column if is_text else column.cast(_target(arrow, declared))
        if declared == "int64":
            if types.is_boolean(kind) or types.is_temporal(kind):
                return None
            return column if kind == arrow.int64() else column.cast(arrow.int64())
        if declared == "float64":
            if types.is_boolean(kind) or types.is_temporal(kind):
                return None
            return column if kind == arrow.float64() else column.cast(arrow.float64())
        if declared == "bool":
            return column if types.is_boolean(kind) else None
        if types.is_timestamp(kind):
            return column
        if types.is_date(kind):
            return column.cast(arrow.timestamp("ms"))
        is_text = types.is_string(kind) or types.is_large_string(kind)
        return column.cast(arrow.timestamp("us")) if is_text else None

    def _misfit(self, name, column, path, rows, why):
        where = "%s, rows %d to %d, column %r" % (path, rows.start, rows.stop - 1, name)
        because = " (%s)" % why if why else ""
        if name in self._declared:
            return SliceError(
                "%s has the type %s, and its values do not fit %s%s; it was declared so in spec.inputs[%s].columns. Declare "
                "a type that fits, or declare it string and convert it in run()"
                % (where, column.type, _WANTED[self._declared[name]], because, self._input),
                "TypeError",
            )
        return SliceError(
            "%s has the type %s, but the column has the type %s in the input, and the values do not fit that%s. All files "
            "of an input must have the same types: give this file an input of its own, exclude it with the input's glob, or "
            "write it again" % (where, column.type, self._names.get(name), because),
            "TypeError",
        )


def _target(arrow, declared):
    return {
        "string": arrow.string(),
        "int64": arrow.int64(),
        "float64": arrow.float64(),
        "bool": arrow.bool_(),
        "datetime": arrow.timestamp("us"),
    }[declared]


def _without_pandas_type(table, name):
    """pandas notes in the schema what type a column had: of one that was cast, that is no longer so."""
    metadata = dict(table.schema.metadata or {})
    if b"pandas" not in metadata:
        return table
    noted = json.loads(metadata[b"pandas"])
    noted["columns"] = [column for column in noted.get("columns", []) if column.get("field_name") != name]
    metadata[b"pandas"] = json.dumps(noted).encode()
    return table.replace_schema_metadata(metadata)
