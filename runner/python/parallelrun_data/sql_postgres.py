"""PostgreSQL as a source of rows. Every method may wait, and is called in threads; what it raises, explained() explains.

All reads see one snapshot: a connection exports it and keeps its transaction open, others import it. Rows come by COPY, which
Arrow parses, so that no value becomes a Python object on its way."""

import re
import threading
from datetime import datetime, timezone

import psycopg
import pyarrow
import pyarrow.csv
import sqlalchemy
from psycopg import sql as quoting
from sqlalchemy.pool import NullPool

from parallelrun_data import sql_ranges
from parallelrun_data.sql_found import hint, must_be_among, must_differ
from parallelrun_data.sql_types import ARROW, UTC, Column, schema_of
from parallelrun_data.troubles import INVALID, REFUSED, Passing, Trouble

_READERS = 4  # connections beside the one that holds the snapshot
_BLOCK = 8 << 20  # bytes of rows that become Arrow at a time
_SAMPLE = 1000  # rows whose size is looked at
# By OID. What is missing here comes as the text that PostgreSQL gives for it.
_KINDS = {
    16: "bool",
    17: "binary",
    20: "int64",
    21: "int64",
    23: "int64",
    26: "int64",
    700: "float64",
    701: "float64",
    1082: "date",
    1083: "time",
    1114: "datetime",
    1184: "datetime in UTC",
    1700: "decimal",
}
_KEY_CATEGORIES = ("N", "D", "S", "E")  # numbers, dates and times, texts, enumerations (pg_type.typcategory)
_NO_KEYS = ("money", "name", "char")
_NO_TIME_LIMITS = (
    "SELECT set_config(name, '0', true) FROM pg_catalog.pg_settings "
    "WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"
)
_FOR_TEXT = ("DateStyle = ISO", "extra_float_digits = 1", "bytea_output = hex", "client_encoding = 'UTF8'")
# Classes of SQLSTATE that may go by: no connection, no resources, the operator's stop, a conflict.
_PASSING = ("08", "53", "57P", "40", "55P")
_SNAPSHOT_GONE = ("22023", "42704", "55000")
_STARTING = re.compile(
    r"starting up|shutting down|in recovery|too many (clients|connections)|remaining connection slots|not yet accepting"
)


def _now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class PostgreSql:
    """`tell(words)`: for people. close() ends all connections; the object must not be used then."""

    parallel = _READERS

    def __init__(self, url, source, declared, address, tell):
        self._source, self._address, self._tell = source, address, tell
        self._as_text = {name for name, kind in declared.items() if kind == "string"}
        # `connect_timeout`: seconds. The others find a server that is gone while a long query runs.
        limits = {
            "connect_timeout": 10,
            "application_name": "parallelrun",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 6,
        }
        limits = {name: value for name, value in limits.items() if name not in url.query}
        self._engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=limits)
        self._open_with = self._engine.dialect.create_connect_args(url)
        self._open_with[1].update(limits)
        self._lock = threading.RLock()
        self._holder = None
        self._snapshot = None  # as PostgreSQL calls it
        self.snapshot = ""  # names the state that reads see; "": none yet
        self._idle = []  # connections in a transaction of the snapshot
        self._running = {}  # thread -> its connection
        self._from = ""
        self._key = None
        self._key_type = None
        self.columns = []
        self.bytes_per_row = 1.0

    # --- connections ---

    def _connect(self):
        positions, names = self._open_with
        return psycopg.connect(*positions, **names, autocommit=True)

    def _close_connections(self):
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._holder is not None:
            self._holder.close()
        self._holder = None

    def _hold(self):
        """Begins a snapshot that all reads from now on see."""
        self._close_connections()
        connection = self._connect()
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute(_NO_TIME_LIMITS)
        try:
            self._snapshot = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()[0]
        except psycopg.Error as error:
            connection.close()
            raise Trouble(
                INVALID,
                f"{self._address}: the server gives no snapshot that several connections share "
                f"({_primary(error)}), so mini-batches would be of different states of the table; export the table to CSV or "
                "Parquet files",
            ) from None
        lost = self.snapshot
        self._holder = connection
        self.snapshot = f"{_now()} {self._snapshot}"
        if lost:
            self._tell(
                f"the connection that held the snapshot of {lost.split()[0]} was lost; {self._address} is read as it is since "
                f"{self.snapshot.split()[0]}"
            )

    def beat(self):
        """Now and then: whether the snapshot is still held; what is between us and the server sees traffic."""
        with self._lock:
            if self._holder is None:
                return
            try:
                self._holder.execute("SELECT 1")
            except psycopg.Error:
                self._holder.close()
                self._holder = None

    def _reader(self):
        """(connection in a transaction of the snapshot, the snapshot's name)"""
        with self._lock:
            again = False
            while True:
                if self._holder is None or self._holder.closed:
                    self._hold()
                if self._idle:
                    connection = self._idle.pop()
                    self._running[threading.get_ident()] = connection
                    return connection, self.snapshot
                connection = self._connect()
                try:
                    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    connection.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
                    for setting in _FOR_TEXT:
                        connection.execute(f"SET LOCAL {setting}")
                    connection.execute(_NO_TIME_LIMITS)
                except psycopg.Error as error:
                    connection.close()
                    if error.sqlstate not in _SNAPSHOT_GONE or again:
                        raise
                    again = True
                    self._holder.close()  # it does not know yet that it was lost
                    continue
                self._running[threading.get_ident()] = connection
                return connection, self.snapshot

    def _give_back(self, connection, snapshot, sound):
        with self._lock:
            self._running.pop(threading.get_ident(), None)
            if sound and snapshot == self.snapshot and not connection.closed:
                self._idle.append(connection)
            else:
                connection.close()

    def interrupt(self, thread):
        """Ends the query of another thread. It may hit the next one there, which is tried again then."""
        connection = self._running.get(thread)
        if connection is not None:
            try:
                connection.cancel()
            except psycopg.Error:
                pass

    def close(self):
        for thread in list(self._running):
            self.interrupt(thread)
        with self._lock:
            self._close_connections()
            self._engine.dispose()

    # --- what there is ---

    def prepare(self):
        """Whether the table, the columns and the key are there and may be read; their types; the size of a row."""
        self._from = self._from_clause()
        connection, snapshot = self._reader()
        sound = False
        try:
            # Prepared, so that the text cannot be more than one statement.
            described = connection.execute(f"SELECT * FROM {self._from} LIMIT 0", prepare=True).description
            self.columns = self._columns_of(described)
            key = self._source.get("partitionColumn")
            if key:
                must_be_among([key], self.columns, self._address, "partitionColumn")
                codes = {column.name: column.type_code for column in described}
                self._key_type = self._type_of_key(connection, key, codes[key])
                self._key = self._quoted(key)
                sample = pyarrow.concat_tables(self._copied(connection, f"{self._select()} LIMIT {_SAMPLE}"))
                self.bytes_per_row = sample.nbytes / max(1, sample.num_rows)
            sound = True
        finally:
            self._give_back(connection, snapshot, sound)

    def _quoted(self, name):
        return self._engine.dialect.identifier_preparer.quote_identifier(name)

    def _from_clause(self):
        query = self._source.get("query")
        if query:
            return f"(\n{query.strip().rstrip(';')}\n) AS parallelrun_query"
        table = self._source["table"]
        with self._engine.connect() as connection:
            inspector = sqlalchemy.inspect(connection)
            schema = None
            name = table
            found = inspector.has_table(name)
            if not found and "." in table:
                schema, _, name = table.partition(".")
                found = inspector.has_table(name, schema=schema)
            if not found:
                names = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
                raise self._no_table(table, [f"{schema}.{each}" if schema else each for each in names])
            self._not_null = {
                column["name"]
                for column in inspector.get_columns(name, schema=schema)
                if not column["nullable"]
            }
        return f"{self._quoted(schema)}.{self._quoted(name)}" if schema else self._quoted(name)

    def _no_table(self, table, names):
        return Trouble(
            INVALID, f"{self._address}: the database has no table or view '{table}'{hint(table, names)}"
        )

    def _columns_of(self, described):
        names = [column.name for column in described]
        must_differ(names, self._address)
        not_null = set() if self._source.get("query") else self._not_null
        return [
            Column(
                column.name,
                "string" if column.name in self._as_text else _KINDS.get(column.type_code, "string"),
                column.name not in not_null,
            )
            for column in described
        ]

    def _type_of_key(self, connection, key, code):
        """How a text is made a key again."""
        name, category, kind, shown = connection.execute(
            "SELECT typname, typcategory, typtype, pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type WHERE oid = %s",
            (code,),
        ).fetchone()
        if name == "uuid" or (kind in "be" and category in _KEY_CATEGORIES and name not in _NO_KEYS):
            return "bpchar" if name == "bpchar" else shown
        raise Trouble(
            INVALID,
            f"{self._address}: the partitionColumn '{key}' has the type {shown}; name a column of numbers, dates, times or "
            "texts",
        )

    # --- rows ---

    def _select(self):
        columns = []
        for column in self.columns:
            name = self._quoted(column.name)
            if column.name in self._as_text:
                name = f"CAST({name} AS text)"
            columns.append(f"{name} AT TIME ZONE 'UTC'" if column.kind == "datetime in UTC" else name)
        return f"SELECT {', '.join(columns)} FROM {self._from}"

    def _literal(self, connection, key):
        return f"CAST({quoting.Literal(key).as_string(connection)} AS {self._key_type})"

    def ranges(self, after, rows_per_range):
        """Ranges of the key in its order, of about so many rows, behind the range `after` (None: all). Rows of one key are in
        one range."""
        first = after.behind() if after else 1
        if after is not None and after.kind != sql_ranges.KEYS:
            return
        connection, snapshot = self._reader()
        sound = False
        try:
            behind = f" AND {self._key} > {self._literal(connection, after.high)}" if after else ""
            # There is no min() of uuid; its text has the same order.
            ends = 'k::text COLLATE "C"' if self._key_type == "uuid" else "k"
            found = connection.execute(
                f"SELECT min({ends})::text, max({ends})::text, count(*) FROM ("
                f"SELECT k, (rank() OVER (ORDER BY k) - 1) / {rows_per_range} AS part FROM ("
                f"SELECT {self._key} AS k FROM {self._from} WHERE {self._key} IS NOT NULL{behind}) AS keys"
                ") AS parts GROUP BY part ORDER BY part"
            )
            for low, high, rows in found:
                yield sql_ranges.Range(sql_ranges.KEYS, first, rows, low, high)
                first += rows
            (rows,) = connection.execute(
                f"SELECT count(*) FROM {self._from} WHERE {self._key} IS NULL"
            ).fetchone()
            if rows:
                yield sql_ranges.Range(sql_ranges.NULLS, first, rows)
            sound = True
        finally:
            self._give_back(connection, snapshot, sound)

    def read(self, some, say_snapshot):
        """Tables with the rows of a range. `say_snapshot` gets the name of the state that they are of."""
        connection, snapshot = self._reader()
        say_snapshot(snapshot)
        sound = False
        try:
            query = self._select()
            if some.kind == sql_ranges.NULLS:
                query += f" WHERE {self._key} IS NULL"
            elif some.kind == sql_ranges.KEYS:
                low, high = self._literal(connection, some.low), self._literal(connection, some.high)
                query += f" WHERE {self._key} >= {low} AND {self._key} <= {high} ORDER BY {self._key}"
            yield from self._copied(connection, query)
            sound = True
        finally:
            self._give_back(connection, snapshot, sound)

    def _copied(self, connection, query):
        size, rows = 0, []
        with connection.cursor() as cursor:
            # A block of COPY is one row.
            with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
                for row in copy:
                    rows.append(bytes(row))
                    size += len(row)
                    if size >= _BLOCK:
                        yield self._table(rows)
                        size, rows = 0, []
        yield self._table(rows)

    def _table(self, rows):
        schema = schema_of(self.columns)
        if not rows:
            return schema.empty_table()
        names = [str(place) for place in range(len(schema))]
        as_text = ("binary", "decimal")
        try:
            read = pyarrow.csv.read_csv(
                pyarrow.BufferReader(b"".join(rows)),
                read_options=pyarrow.csv.ReadOptions(
                    column_names=names, use_threads=False, block_size=(1 << 31) - 1
                ),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={
                        name: pyarrow.string() if column.kind in as_text else _zoneless(column.kind)
                        for name, column in zip(names, self.columns)
                    },
                    null_values=[""],
                    true_values=["t"],
                    false_values=["f"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pyarrow.ArrowInvalid as error:
            raise self._unreadable(str(error)) from None
        columns = []
        for column, values in zip(self.columns, read.columns):
            if column.kind == "binary":
                values = pyarrow.array(
                    [None if text is None else bytes.fromhex(text[2:]) for text in values.to_pylist()],
                    pyarrow.binary(),
                )
            elif column.kind == "datetime in UTC":
                values = values.cast(pyarrow.int64()).cast(ARROW[column.kind])
            columns.append(values)
        return pyarrow.table(columns, schema=schema)

    def _unreadable(self, words):
        place = re.search(r"CSV column #(\d+): (.*)", words)
        column = self.columns[int(place.group(1))].name if place else None
        value = re.search(r"invalid value '(.{0,80})", words)
        if column is None:
            return Trouble(REFUSED, f"{self._address}: the rows cannot be read: {words[:300]}")
        shown = f" has the value '{value.group(1).rstrip(chr(39))}', which" if value else ""
        return Trouble(
            REFUSED,
            f"{self._address}: the column '{column}'{shown} no {ARROW[self.columns[int(place.group(1))].kind]} of Arrow can "
            "hold; cast it to text in a query",
        )

    # --- what went wrong ---

    def explained(self, error):
        """A Trouble or a Passing, or None for what is no error of the database."""
        error = getattr(error, "orig", None) or error
        if not isinstance(error, psycopg.Error):
            return None
        state = error.sqlstate or ""
        words = _primary(error)
        if not state:
            return self._of_connecting(error, words)
        if state == "57014" and "user request" in words:
            return Passing("cut", f"{self._address}: {words}")
        if state == "57014":
            return Trouble(REFUSED, f"{self._address}: {words}; give the role a longer statement_timeout")
        if state.startswith(_PASSING):
            return Passing(
                "cut" if state.startswith(("08", "57P")) else "server", f"{self._address}: {words}"
            )
        if state.startswith("28"):
            return Passing("denied", f"{self._address}: {words}")
        if state == "42501":
            return Trouble(INVALID, f"{self._address}: {words}; permit the role to read it (GRANT SELECT)")
        if state == "25006":
            return Trouble(INVALID, f"{self._address}: {words}; the query may only read")
        hint = ""
        if state.startswith("42") and self._source.get("query"):
            hint = ". The query must be one SELECT, which is used as a subquery"
        return Trouble(INVALID, f"{self._address}: {words}{hint}")

    def _of_connecting(self, error, words):
        text = str(error)
        if "FATAL" in text and not _STARTING.search(text):
            words = text[text.index("FATAL") :].split("\n")[0].removeprefix("FATAL:").strip()
            if "password" in words or "pg_hba" in words or "authentication" in words:
                return Passing("denied", f"{self._address} refuses the credentials: {words}")
            return Trouble(INVALID, f"{self._address}: {words}; correct the url")
        if "certificate" in text or "SSL error" in text or "does not support SSL" in text:
            return Trouble(INVALID, f"{self._address}: {words}; correct sslmode or sslrootcert in the url")
        if "no password supplied" in text:
            return Trouble(INVALID, f"{self._address}: the server asks for a password, and the url has none")
        return Passing("cut", f"{self._address} cannot be reached: {words}")


def _zoneless(kind):
    return pyarrow.timestamp("us") if kind.endswith(UTC) else ARROW[kind]


def _primary(error):
    """The database's own words, in one line."""
    diagnosis = getattr(error, "diag", None)
    if diagnosis is not None and diagnosis.message_primary:
        parts = (diagnosis.message_primary, diagnosis.message_detail, diagnosis.message_hint)
        return "; ".join(" ".join(part.split()).rstrip(".") for part in parts if part)
    return " ".join(str(error).removeprefix("connection failed: ").split())[:300]
