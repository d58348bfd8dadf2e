"""SQLite as a source of rows: one connection, which reads one after the other. Every method may wait, and is called in
threads; what it raises, explained() explains.

In WAL mode a read transaction is held, so that all reads see one state. In the other modes that would keep everybody from
writing, so each read sees the file as it is then. SQLite has no types of columns: one look at all values decides them."""

import itertools
import os
import sqlite3
import threading
from datetime import datetime, timezone
from urllib.parse import quote

import pyarrow

from parallelrun_data import sql_ranges
from parallelrun_data.sql_found import hint, must_be_among, must_differ
from parallelrun_data.sql_types import ARROW, Column, schema_of
from parallelrun_data.troubles import INVALID, REFUSED, Passing, Trouble

_PATIENCE = 20.0  # seconds that SQLite waits for a lock
_ROWS = 10_000  # that become Arrow at a time
_SAMPLE = 1000  # rows whose size is looked at
_LARGEST = 1 << 53  # whole numbers up to here are floats, too
_WORDS = {"integer": "whole numbers", "real": "floats", "text": "texts", "blob": "bytes"}
_COLUMNS_AT_A_TIME = 300  # SQLite has a limit of columns in a result
_PASSING = (
    "database is locked",
    "database table is locked",
    "database schema is",
    "disk I/O error",
    "interrupted",
)


class Sqlite:
    """`tell(words)`: for people. close() ends the connection; the object must not be used then."""

    parallel = 1

    def __init__(self, url, source, declared, keys, address, tell):
        self._path, self._source, self._declared = url.database, source, declared
        self._partition_keys = keys
        self._address, self._tell = address, tell
        self._lock = threading.RLock()
        self._connection = None
        self._reading = None  # the thread that has the lock
        self._version = None  # of the file, where no snapshot is held
        self._change_told = False
        self.snapshot = ""  # names the state that reads see; "": none is held
        self.columns = []
        self.bytes_per_row = 1.0
        self._from = ""
        self._key = None

    def _open(self):
        if not os.path.isfile(self._path):
            raise Trouble(INVALID, f"{self._address}: there is no file '{self._path}'; correct the url")
        # Never made where it is missing, and never written.
        return sqlite3.connect(
            f"file:{quote(self._path)}?mode=ro",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )

    def _begin(self):
        """The connection, in a transaction where that keeps nobody from writing."""
        self._reading = threading.get_ident()
        if self._connection is not None:
            return self._connection
        connection = self._open()
        connection.execute("PRAGMA query_only = ON")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            self.snapshot = f"{now} {os.getpid()}"
        else:
            self._version = self._version_of(connection)
        self._connection = connection
        return connection

    @staticmethod
    def _version_of(connection):
        return connection.execute("PRAGMA data_version").fetchone()[0]

    def _tell_change(self):
        """Once, where others have written since the first read."""
        if self.snapshot or self._change_told or self._version_of(self._connection) == self._version:
            return
        self._change_told = True
        self._tell(
            f"{self._address}: the database was changed while the job reads it, and it is not in WAL mode, so no snapshot of it "
            "is held: mini-batches are of different states. PRAGMA journal_mode = WAL gives one state to all"
        )

    def beat(self):
        pass

    def interrupt(self, thread):
        """Ends the query of another thread. It may hit the next one, which is tried again then."""
        connection = self._connection
        if connection is not None and self._reading == thread:
            connection.interrupt()

    def close(self):
        self.interrupt(self._reading)
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    # --- what there is ---

    def prepare(self):
        """Whether the table, the columns and the key are there; their types; the size of a row."""
        with self._lock:
            connection = self._begin()
            self._from = self._from_clause(connection)
            described = connection.execute(f"SELECT * FROM {self._from} LIMIT 0").description
            names = [column[0] for column in described]
            # So SQLite calls columns of a query that have the same name.
            must_differ(
                [name.rpartition(":")[0] if _is_again(name, names) else name for name in names], self._address
            )
            self.columns = self._types_of(connection, names)
            must_be_among(self._partition_keys, self.columns, self._address, "spec.partitionKeys")
            key = self._source.get("partitionColumn")
            if key:
                must_be_among([key], self.columns, self._address, "partitionColumn")
                kind = next(column.kind for column in self.columns if column.name == key)
                if kind == "binary":
                    raise Trouble(
                        INVALID,
                        f"{self._address}: the partitionColumn '{key}' holds bytes; name a column of numbers or texts",
                    )
                self._key = _quoted(key)
                sample = pyarrow.concat_tables(self._tables(f"{self._select()} LIMIT {_SAMPLE}"))
                self.bytes_per_row = sample.nbytes / max(1, sample.num_rows)

    def _from_clause(self, connection):
        query = self._source.get("query")
        if query:
            return f"(\n{query.strip().rstrip(';')}\n)"
        table = self._source["table"]
        names = [
            row[0]
            for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
            )
        ]
        if table.lower() not in [name.lower() for name in names]:
            raise Trouble(
                INVALID, f"{self._address}: the database has no table or view '{table}'{hint(table, names)}"
            )
        return _quoted(table)

    def _types_of(self, connection, names):
        columns = []
        for start in range(0, len(names), _COLUMNS_AT_A_TIME):
            some = names[start : start + _COLUMNS_AT_A_TIME]
            looks = []
            for name in some:
                column = _quoted(name)
                looks += [f"max(typeof({column}) = '{kind}')" for kind in (*_WORDS, "null")]
                looks.append(f"max(typeof({column}) = 'integer' AND abs({column} / 2) > {_LARGEST // 2})")
            found = connection.execute(f"SELECT {', '.join(looks)} FROM {self._from}").fetchone()
            each = len(_WORDS) + 2
            for place, name in enumerate(some):
                columns.append(self._type_of(name, found[place * each : (place + 1) * each]))
        return columns

    def _type_of(self, name, found):
        *held, gaps, large = found
        held = [kind for kind, there in zip(_WORDS, held) if there]
        nullable = bool(gaps) or not held
        if self._declared.get(name) == "string" and held != ["text"] and "blob" not in held:
            return Column(name, "string", nullable)  # see _select()
        if held == ["integer", "real"] and not large:
            return Column(name, "float64", nullable)
        if len(held) > 1:
            words = " and ".join(_WORDS[kind] for kind in held)
            large_words = (
                ", and some of those are too large for a float" if held == ["integer", "real"] else ""
            )
            raise Trouble(
                INVALID,
                f"{self._address}: the column '{name}' holds {words}{large_words}; declare it string in the input's columns, "
                "or cast it in a query",
            )
        kinds = {"integer": "int64", "real": "float64", "text": "string", "blob": "binary"}
        return Column(name, kinds[held[0]] if held else "string", nullable)

    # --- rows ---

    def _select(self):
        columns = (
            f"CAST({_quoted(column.name)} AS TEXT)"
            if column.kind == "string" and self._declared.get(column.name) == "string"
            else _quoted(column.name)
            for column in self.columns
        )
        return f"SELECT {', '.join(columns)} FROM {self._from}"

    def ranges(self, after, rows_per_range):
        """Ranges of the key in its order, of about so many rows, behind the range `after` (None: all). Rows of one key are in
        one range."""
        first = after.behind() if after else 1
        if after is not None and after.kind != sql_ranges.KEYS:
            return
        with self._lock:
            connection = self._begin()
            behind = f" AND {self._key} > ?" if after else ""
            found = connection.execute(
                f"SELECT min(k), max(k), count(*) FROM ("
                f"SELECT k, (rank() OVER (ORDER BY k) - 1) / {rows_per_range} AS part FROM ("
                f"SELECT {self._key} AS k FROM {self._from} WHERE {self._key} IS NOT NULL{behind})"
                f") GROUP BY part ORDER BY part",
                (after.high,) if after else (),
            ).fetchall()
            (nulls,) = connection.execute(
                f"SELECT count(*) FROM {self._from} WHERE {self._key} IS NULL"
            ).fetchone()
        for low, high, rows in found:
            yield sql_ranges.Range(sql_ranges.KEYS, first, rows, low, high)
            first += rows
        if nulls:
            yield sql_ranges.Range(sql_ranges.NULLS, first, nulls)

    def _compared(self):
        return [
            f"CAST({_quoted(key)} AS TEXT)" if self._declared.get(key) == "string" else _quoted(key)
            for key in self._partition_keys
        ]

    def groups(self):
        """Mini-batches of the partition keys, in the order of their values. The database says which are equal."""
        with self._lock:
            connection = self._begin()
            names = [f"k{place}" for place in range(len(self._partition_keys))]
            keys = ", ".join(f"{value} AS {name}" for value, name in zip(self._compared(), names))
            by = ", ".join(names)
            found = connection.execute(
                f"SELECT {by}, count(*) FROM (SELECT {keys} FROM {self._from}) GROUP BY {by} ORDER BY {by}"
            ).fetchall()
        first = 1
        for *values, rows in found:
            yield sql_ranges.Range(sql_ranges.GROUP, first, rows, values=tuple(values))
            first += rows

    def read(self, some, snapshot, say_snapshot):
        """Tables with the rows of a range, of the one state that is held. `snapshot`: the name of the state that it was planned
        from, which another process cannot join. `say_snapshot` gets the name of the state that they are of."""
        query, values = self._select(), ()
        if some.kind == sql_ranges.NULLS:
            query += f" WHERE {self._key} IS NULL"
        elif some.kind == sql_ranges.GROUP:
            # IS: also of two that are without a value.
            query += " WHERE " + " AND ".join(f"{compared} IS ?" for compared in self._compared())
            values = some.values
        elif some.kind == sql_ranges.KEYS:
            query += f" WHERE {self._key} >= ? AND {self._key} <= ? ORDER BY {self._key}"
            values = (some.low, some.high)
        with self._lock:
            self._begin()
            say_snapshot(self.snapshot)
            yield from self._tables(query, values)
            self._tell_change()

    def _tables(self, query, values=()):
        schema = schema_of(self.columns)
        cursor = self._connection.execute(query, values)
        for number in itertools.count():
            rows = cursor.fetchmany(_ROWS)
            if not rows and number:
                return
            by_column = zip(*rows) if rows else ([] for _ in self.columns)
            arrays = [self._array(column, held) for column, held in zip(self.columns, by_column)]
            yield pyarrow.table(arrays, schema=schema)

    def _array(self, column, values):
        try:
            if column.kind == "float64":
                values = [None if value is None else float(value) for value in values]
            return pyarrow.array(values, ARROW[column.kind])
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
            raise Trouble(
                REFUSED,
                f"{self._address}: the column '{column.name}' has a value that is no {column.kind}, as all of its values were "
                "when the job was planned",
            ) from None

    # --- what went wrong ---

    def explained(self, error):
        """A Trouble or a Passing, or None for what is no error of the database."""
        if not isinstance(error, (sqlite3.Error, sqlite3.Warning)):
            return None
        words = " ".join(str(error).split())
        if words.startswith(_PASSING):
            return Passing("server", f"{self._address}: {words}")
        if "UTF-8" in words:
            return Trouble(
                REFUSED, f"{self._address}: {words}; a text is not UTF-8: cast the column to BLOB in a query"
            )
        if "not a database" in words or "unable to open" in words:
            return Trouble(INVALID, f"{self._address}: '{self._path}': {words}; correct the url")
        ways = ""
        if self._source.get("query"):
            ways = ". The query must be one SELECT, which is used as a subquery"
        return Trouble(INVALID, f"{self._address}: {words}{ways}")


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


def _is_again(name, names):
    before, colon, number = name.rpartition(":")
    return bool(colon) and number.isdigit() and before in names
