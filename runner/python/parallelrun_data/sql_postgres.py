"""PostgreSQL as a source of rows. Every method may wait, and is called in threads; what it raises, explained() explains.

All reads see one snapshot: a connection exports it and keeps its transaction open, others import it. What another process
has planned is read from that one's snapshot, as long as somebody holds it: whoever reads from it holds and exports it too.
Rows come by COPY, which Arrow parses, so that no value becomes a Python object on its way."""

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
# Tells a run of the server from others.
_SERVER = "SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text"
_FOR_TEXT = ("DateStyle = ISO", "extra_float_digits = 1", "bytea_output = hex", "client_encoding = 'UTF8'")
# Classes of SQLSTATE that may go by: no connection, no resources, the operator's stop, a conflict.
_PASSING = ("08", "53", "57P", "40", "55P")
_SNAPSHOT_GONE = ("22023", "42704", "55000")
# What PostgreSQL calls a snapshot. A name may come from another process.
_EXPORTED = re.compile("[0-9A-F]{1,8}(-[0-9A-F]{1,8}){1,3}")
_STARTING = re.compile(
    r"starting up|shutting down|in recovery|too many (clients|connections)|remaining connection slots|not yet accepting"
)


def _now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Held:
    """A snapshot with the connection whose transaction keeps it, and connections that read from it."""

    def __init__(self, name, connection, exported):
        self.name, self.connection, self.exported = name, connection, exported
        self.idle = []

    def is_held(self):
        return not self.connection.closed

    def beat(self):
        if self.connection.closed:
            return
        try:
            self.connection.execute("SELECT 1")
        except psycopg.Error:
            self.connection.close()

    def close(self):
        for connection in (*self.idle, self.connection):
            connection.close()
        self.idle.clear()


class PostgreSql:
    """`tell(words)`: for people. close() ends all connections; the object must not be used then."""

    parallel = _READERS

    def __init__(self, url, source, declared, keys, address, tell):
        self._source, self._address, self._tell = source, address, tell
        self._partition_keys = keys
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
        self._own = None  # the snapshot of this process
        self._in_use = False  # whether mini-batches were planned or read from it
        self._of_others = {}  # name -> a snapshot that another process has planned from
        self._gone = set()  # names of those that nobody holds
        self._running = {}  # thread -> its connection
        self._from = ""
        self._key = None
        self._key_type = None
        self._groups_by = []  # of the partition keys: (what is compared, the type that makes a value of a text)
        self.columns = []
        self.bytes_per_row = 1.0

    @property
    def snapshot(self):
        """Names the state that mini-batches are made from; "": none yet."""
        return self._own.name if self._own is not None else ""

    # --- connections ---

    def _connect(self):
        positions, names = self._open_with
        return psycopg.connect(*positions, **names, autocommit=True)

    def _begin(self, exported=None):
        """A connection in a transaction, of the snapshot that another one has exported where one is named."""
        connection = self._connect()
        try:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if exported is not None:
                connection.execute(
                    f"SET TRANSACTION SNAPSHOT {quoting.Literal(exported).as_string(connection)}"
                )
            connection.execute(_NO_TIME_LIMITS)
        except BaseException:
            connection.close()
            raise
        return connection

    def _hold(self, name=""):
        """A snapshot that is held from now on: that of `name`, which another process holds, or None where it is gone;
        without a name a new one."""
        exported = server = None
        if name:
            _, exported, server = [*name.split(), "", ""][:3]
            if not _EXPORTED.fullmatch(exported):
                return None
        try:
            connection = self._begin(exported)
        except psycopg.Error as error:
            if name and error.sqlstate in _SNAPSHOT_GONE:
                return None
            raise
        try:
            here = connection.execute(_SERVER).fetchone()[0]
            if name and here != server:
                # A server that was started again gives the same names to other snapshots.
                connection.close()
                return None
            exported = connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()[0]
        except psycopg.Error as error:
            connection.close()
            raise Trouble(
                INVALID,
                f"{self._address}: the server gives no snapshot that several connections share "
                f"({_primary(error)}), so mini-batches would be of different states of the table; export the table to CSV or "
                "Parquet files",
            ) from None
        return _Held(name or f"{_now()} {exported} {here}", connection, exported)

    def _hold_own(self):
        lost, self._own = self._own, None
        if lost is not None:
            lost.close()
        self._own = self._hold()
        if lost is not None and self._in_use:
            self._tell(
                f"the connection that held the snapshot of {lost.name.split()[0]} was lost; {self._address} is read as it is "
                f"since {self.snapshot.split()[0]}"
            )
        return self._own

    def _held_for(self, name):
        """The snapshot of that name as long as somebody holds it, else that of this process."""
        if name and name != self.snapshot and name not in self._gone:
            held = self._of_others.get(name)
            if held is not None and held.is_held():
                return held
            if held is not None:
                self._of_others.pop(name).close()
            held = self._hold(name)
            if held is None:
                self._gone.add(name)
            else:
                self._of_others[name] = held
                if self._own is not None and not self._in_use:
                    # It was for the check at the start, and keeps the server from cleaning up.
                    self._own.close()
                    self._own = None
                return held
        if name:
            self._in_use = True
        return self._own if self._own is not None and self._own.is_held() else self._hold_own()

    def beat(self):
        """Now and then: whether snapshots are still held; what is between us and the server sees traffic."""
        with self._lock:
            for held in (self._own, *self._of_others.values()):
                if held is not None:
                    held.beat()

    def _reader(self, name=""):
        """(connection in a transaction of a snapshot, the snapshot): the one of that name if it is held by somebody, else the
        one of this process."""
        with self._lock:
            again = False
            while True:
                held = self._held_for(name)
                if held.idle:
                    connection = held.idle.pop()
                else:
                    try:
                        connection = self._begin(held.exported)
                    except psycopg.Error as error:
                        if error.sqlstate not in _SNAPSHOT_GONE or again:
                            raise
                        again = True
                        held.connection.close()  # it does not know yet that it was lost
                        continue
                    try:
                        for setting in _FOR_TEXT:
                            connection.execute(f"SET LOCAL {setting}")
                    except BaseException:
                        connection.close()
                        raise
                self._running[threading.get_ident()] = connection
                return connection, held

    def _give_back(self, connection, held, sound):
        with self._lock:
            self._running.pop(threading.get_ident(), None)
            if sound and held.is_held() and not connection.closed:
                held.idle.append(connection)
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
            for held in (self._own, *self._of_others.values()):
                if held is not None:
                    held.close()
            self._own = None
            self._of_others.clear()
            self._engine.dispose()

    # --- what there is ---

    def prepare(self):
        """Whether the table, the columns and the key are there and may be read; their types; the size of a row."""
        self._from = self._from_clause()
        connection, held = self._reader()
        sound = False
        try:
            # Prepared, so that the text cannot be more than one statement.
            described = connection.execute(f"SELECT * FROM {self._from} LIMIT 0", prepare=True).description
            self.columns = self._columns_of(described)
            codes = {column.name: column.type_code for column in described}
            must_be_among(self._partition_keys, self.columns, self._address, "spec.partitionKeys")
            self._groups_by = [self._compared(connection, each, codes[each]) for each in self._partition_keys]
            key = self._source.get("partitionColumn")
            if key:
                must_be_among([key], self.columns, self._address, "partitionColumn")
                self._key_type = self._type_of_key(connection, "partitionColumn", key, codes[key])
                self._key = self._quoted(key)
                sample = pyarrow.concat_tables(self._copied(connection, f"{self._select()} LIMIT {_SAMPLE}"))
                self.bytes_per_row = sample.nbytes / max(1, sample.num_rows)
            sound = True
        finally:
            self._give_back(connection, held, sound)

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

    def _compared(self, connection, key, code):
        name = self._quoted(key)
        if key in self._as_text:
            return f"CAST({name} AS text)", "text"
        kind = (
            "boolean"
            if _KINDS.get(code) == "bool"
            else self._type_of_key(connection, "partition key", key, code)
        )
        # Not a number is no value, as it is for pandas.
        return (f"NULLIF({name}, 'NaN')" if _KINDS.get(code) == "float64" else name), kind

    def _type_of_key(self, connection, what, key, code):
        """How a text is made a key again."""
        name, category, kind, shown = connection.execute(
            "SELECT typname, typcategory, typtype, pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type WHERE oid = %s",
            (code,),
        ).fetchone()
        if name == "uuid" or (kind in "be" and category in _KEY_CATEGORIES and name not in _NO_KEYS):
            return "bpchar" if name == "bpchar" else shown
        raise Trouble(
            INVALID,
            f"{self._address}: the {what} '{key}' has the type {shown}; name a column of numbers, dates, times or texts",
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
        self._in_use = True
        connection, held = self._reader()
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
            self._give_back(connection, held, sound)

    def groups(self):
        """Mini-batches of the partition keys, in the order of their values. The database says which are equal."""
        self._in_use = True
        connection, held = self._reader()
        sound = False
        try:
            names = [f"k{place}" for place in range(len(self._groups_by))]
            keys = ", ".join(f"{value} AS {name}" for (value, _), name in zip(self._groups_by, names))
            texts = ", ".join(f"{name}::text" for name in names)
            by = ", ".join(names)
            first = 1
            # GROUP BY a name: the database then compares the value that it shows.
            for *values, rows in connection.execute(
                f"SELECT {texts}, count(*) FROM (SELECT {keys} FROM {self._from}) AS keys GROUP BY {by} ORDER BY {by}"
            ):
                yield sql_ranges.Range(sql_ranges.GROUP, first, rows, values=tuple(values))
                first += rows
            sound = True
        finally:
            self._give_back(connection, held, sound)

    def _is_group(self, connection, values):
        return " AND ".join(
            f"{compared} IS NULL"
            if value is None
            else f"{compared} = CAST({quoting.Literal(value).as_string(connection)} AS {kind})"
            for value, (compared, kind) in zip(values, self._groups_by)
        )

    def read(self, some, snapshot, say_snapshot):
        """Tables with the rows of a range. `snapshot`: the name of the state that it was planned from. `say_snapshot` gets the
        name of the state that they are of."""
        connection, held = self._reader(snapshot)
        say_snapshot(held.name)
        sound = False
        try:
            query = self._select()
            if some.kind == sql_ranges.NULLS:
                query += f" WHERE {self._key} IS NULL"
            elif some.kind == sql_ranges.GROUP:
                query += f" WHERE {self._is_group(connection, some.values)}"
            elif some.kind == sql_ranges.KEYS:
                low, high = self._literal(connection, some.low), self._literal(connection, some.high)
                query += f" WHERE {self._key} >= {low} AND {self._key} <= {high} ORDER BY {self._key}"
            yield from self._copied(connection, query)
            sound = True
        finally:
            self._give_back(connection, held, sound)

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
