"""A database as a source of tables, beside the stores of places.py: check, list (ranges of keys), bring (rows of one range as
a file of Arrow)."""

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from parallelrun_data import sql_ranges, sql_types, sql_url
from parallelrun_data.download import remove_if_there
from parallelrun_data.places import patiently
from parallelrun_data.server import Tables
from parallelrun_data.sql_found import must_be_among, must_be_keys
from parallelrun_data.troubles import INVALID, REFUSED, Passing, Patience, Trouble, ends

_BEAT = 30.0  # seconds
_MANY_GROUPS = 100  # queries of the whole table that are worth an index
_MANY_TIMES = 2  # of miniBatchSize: a mini-batch that has more is counted


class SqlPlace(Tables):
    """`table`: {"miniBatchSize": bytes, "columns": {name: declared type}, "carried": [names], "partitionKeys": [names]}.
    `say(words)`: for people."""

    def __init__(self, source, credentials_file, environment, secrets, table, say):
        self._source = source["sql"]
        self.address = sql_url.address(source)
        self._file, self._environment, self._secrets = credentials_file, environment, secrets
        self._size = int(table.get("miniBatchSize") or 1 << 20)
        self._declared = dict(table.get("columns") or {})
        self._carried = list(table.get("carried") or [])
        self._keys = list(table.get("partitionKeys") or [])
        self._say = say
        self._database = None
        self._ready = False
        self._others_told = set()  # snapshots of which it was said that they are gone
        self.other_snapshots = 0  # mini-batches that were planned from another state than they were read from
        self._beating = None
        self.open()

    def open(self):
        """Reads the credentials (again: they may have been replaced)."""
        url = sql_url.read(self._file, self._environment, self._secrets)
        self._fingerprint = sql_url.fingerprint(url)
        if self._database is not None:
            before, self._database = self._database, None
            before.close()
            self._threads.shutdown(wait=False)
        made = _database_of(url)(url, self._source, self._declared, self._keys, self.address, self._tell)
        self._database, self._ready = made, False
        self._threads = ThreadPoolExecutor(made.parallel + 1, thread_name_prefix="sql")
        self._at_a_time = asyncio.Semaphore(made.parallel)
        self._preparing = asyncio.Lock()

    def _tell(self, words):
        self._say(self._secrets.without(words))

    async def _in_thread(self, work):
        """What it raises is a Trouble or a Passing. Where this is given up, so is the query."""
        database = self._database
        thread = []

        def run():
            thread.append(threading.get_ident())
            try:
                return work(database)
            except (Trouble, Passing):
                raise
            except BaseException as error:
                if ends(error):
                    raise
                explained = database.explained(error)
                if explained is None:
                    raise
                raise _scrubbed(explained, self._secrets) from None

        future = asyncio.get_running_loop().run_in_executor(self._threads, run)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if thread:
                database.interrupt(thread[0])
            else:
                future.cancel()
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    # --- what it does ---

    async def check(self):
        """Whether the database can be reached, has what the manifest names, and lets it be read."""
        await self._prepared()

    async def _prepared(self):
        async with self._preparing:
            if self._ready:
                return

            def prepare(database):
                database.prepare()
                must_be_among(self._declared, database.columns, self.address, "the input's columns")
                must_be_among(self._carried, database.columns, self.address, "spec.output.columns")
                must_be_keys(self._keys, self._declared, database.columns, self.address)

            await self._in_thread(prepare)
            self._ready = True
            if not self._database.snapshot:
                self._tell(
                    f"{self.address}: the database is not in WAL mode, so no snapshot of it is held; a mini-batch whose number "
                    "of rows changes before it is read fails"
                )
            if self._beating is None:
                self._beating = asyncio.ensure_future(self._beat())

    async def _beat(self):
        while True:
            await asyncio.sleep(_BEAT)
            try:
                await self._in_thread(lambda database: database.beat())
            except (Trouble, Passing):
                pass  # the next read meets it

    async def ranges(self, after):
        """Yields (name, size or None, version) of the mini-batches in order, behind the name `after`."""
        await self._prepared()
        behind = sql_ranges.decode(after) if after else None
        column = self._source.get("partitionColumn")
        database = self._database
        if self._keys:
            for some in await self._groups(behind):
                yield self._object(some, None)
            return
        if not column:
            if behind is None:
                yield self._object(sql_ranges.Range(sql_ranges.ALL), None)
            return
        per_range = sql_ranges.rows_for(self._size, database.bytes_per_row)
        found = await self._in_thread(lambda db: list(db.ranges(behind, per_range)))
        large = [some for some in found if some.rows > _MANY_TIMES * per_range]
        if large:
            most = max(large, key=lambda some: some.rows)
            self._tell(
                f"{self.address}: {len(large)} of {len(found)} mini-batches have more than {_MANY_TIMES} times miniBatchSize, "
                f"since rows of one key stay together; the largest is {sql_ranges.label(most, column)} with {most.rows} rows"
            )
        for some in found:
            yield self._object(some, round(some.rows * database.bytes_per_row))

    async def _groups(self, behind):
        """The mini-batches of partition keys, behind that of an earlier start."""
        found = await self._in_thread(lambda db: list(db.groups()))
        if behind is None:
            if len(found) > _MANY_GROUPS:
                self._tell(
                    f"{self.address}: each of the {len(found)} mini-batches is a query of its own; an index on "
                    f"({', '.join(self._keys)}) makes them fast"
                )
            return found
        place = next((place for place, some in enumerate(found) if some.values == behind.values), None)
        if place is None or found[place].behind() != behind.behind():
            raise Trouble(
                INVALID,
                f"{self.address}: the table has changed since its mini-batches were planned up to "
                f"{sql_ranges.label(behind, self._keys)}, so what is missing cannot be told; begin anew with another output "
                "directory or with --overwrite",
            )
        return found[place + 1 :]

    def _object(self, some, size):
        facts = {
            "first": some.first,
            "rows": some.rows,
            "label": sql_ranges.label(some, self._keys or self._source.get("partitionColumn")),
            "bytes": size or 0,
            "snapshot": self._database.snapshot,
            "database": self._fingerprint,
        }
        if some.kind == sql_ranges.GROUP:
            facts["partitionKeys"] = dict(zip(self._keys, some.values))
        return sql_ranges.encode(some), size, json.dumps(facts, ensure_ascii=True)

    async def bring(self, cache, counts, seconds, name, version, entry):
        """The rows of a range as the file of `entry`. Raises Trouble. Cancelled or failed: nothing of it stays."""
        some, facts = sql_ranges.decode(name), json.loads(version)
        if facts["database"] != self._fingerprint:
            raise Trouble(
                INVALID,
                f"{self.address}: the job was planned from another database than the url names now; give the url of that "
                "one, or begin anew with another output directory or --overwrite",
            )
        partial = cache.partial(entry)
        os.makedirs(os.path.dirname(entry.path), exist_ok=True)
        seen = []

        def copy(database):
            schema = sql_types.schema_of(database.columns)
            return sql_types.write(
                database.read(some, facts["snapshot"], seen.append), schema, partial, cache.size
            )

        async def attempt():
            await self._prepared()
            async with self._at_a_time:
                return await self._in_thread(copy)

        try:
            rows, size = await patiently(self, Patience(seconds, counts), attempt)
            self._compare(some, facts, seen[-1], rows)
            os.rename(partial, entry.path)
        except OSError as error:
            remove_if_there(partial)
            raise cache.trouble(error, partial) from None
        except BaseException:
            remove_if_there(partial)
            raise
        if size != entry.size:
            cache.grew(entry, size)
        counts.objects += 1
        counts.bytes += size

    def _compare(self, some, facts, snapshot, rows):
        same = bool(snapshot) and snapshot == facts["snapshot"]
        if not same and facts["snapshot"]:
            self.other_snapshots += 1
            if facts["snapshot"] not in self._others_told:
                self._others_told.add(facts["snapshot"])
                self._tell(
                    f"{self.address}: the snapshot of {facts['snapshot'].split()[0]}, from which mini-batches were planned, is "
                    f"gone with the process that held it; they are read as the database is since "
                    f"{snapshot.partition(' ')[0] or 'then'}. One whose number of rows has changed fails (said once)"
                )
        if some.kind == sql_ranges.ALL or rows == some.rows:
            return
        why = (
            "the query does not give the same rows each time"
            if same
            else "the table has changed, and its snapshot is gone. To use it as it is now, begin anew with another output "
            "directory or with --overwrite"
        )
        raise Trouble(
            REFUSED,
            f"{self.address}, {facts['label']}: {some.rows} rows were planned, and now there are {rows}: {why}",
        )


def _database_of(url):
    if url.drivername == "sqlite":
        from parallelrun_data.sql_sqlite import Sqlite

        return Sqlite
    from parallelrun_data.sql_postgres import PostgreSql

    return PostgreSql


def _scrubbed(trouble, secrets):
    trouble.message = secrets.without(trouble.message)
    return trouble
