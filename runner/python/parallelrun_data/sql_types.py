"""The types of a database's columns as Arrow's, and files of rows. What a worker process makes of them:
runner/python/parallelrun_worker/sql_input.py.

NUMERIC goes as text, since its digits fit no number of Arrow; the field's metadata says so."""

import pyarrow

from parallelrun_data.troubles import TOO_LARGE, Trouble

_KIND = b"parallelrun"
UTC = "UTC"
ARROW = {
    "int64": pyarrow.int64(),
    "float64": pyarrow.float64(),
    "bool": pyarrow.bool_(),
    "string": pyarrow.string(),
    "binary": pyarrow.binary(),
    "decimal": pyarrow.string(),
    "date": pyarrow.timestamp("us"),
    "datetime": pyarrow.timestamp("us"),
    "datetime in UTC": pyarrow.timestamp("us", UTC),
    "time": pyarrow.time64("us"),
}


class Column:
    """`kind`: a key of ARROW. `nullable`: whether it may be without a value in some row."""

    def __init__(self, name, kind, nullable):
        self.name, self.kind, self.nullable = name, kind, nullable

    def field(self):
        metadata = {_KIND: b"decimal"} if self.kind == "decimal" else None
        return pyarrow.field(self.name, ARROW[self.kind], self.nullable, metadata)


def schema_of(columns):
    return pyarrow.schema([column.field() for column in columns])


def write(tables, schema, path, most_bytes):
    """The tables as one file, which is not larger than `most_bytes`. Gives (rows, bytes). Raises TOO_LARGE, OSError."""
    rows = 0
    with pyarrow.OSFile(path, "wb") as file:
        with pyarrow.ipc.new_file(file, schema) as writer:
            for table in tables:
                writer.write_table(table)
                rows += table.num_rows
                if file.tell() > most_bytes:
                    raise Trouble(
                        TOO_LARGE,
                        f"the rows of the mini-batch have more than {most_bytes} bytes, which is more than the cache may "
                        "hold; name a partitionColumn, or set a smaller miniBatchSize, or PARALLELRUN_CACHE_SIZE to more",
                    )
        return rows, file.tell()
