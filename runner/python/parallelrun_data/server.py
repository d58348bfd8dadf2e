"""What others ask of this process, over a Unix socket: frames of u32 length (little-endian) and JSON.

    -> {"id", "op": "list", "input", "after"}        <- {"id", "objects": [[name, size or null, version], ...]} ... {"id", "end": true}
       Empty objects that stand for empty folders are not among them: "folders" has the names of those that come before the
       last object, or at the end before the end.
    -> {"id", "op": "fetch", "input", "objects", "timeout", "what", "ahead"}  <- {"id", "paths": [below the input's root, ...]}
       An object of a table is [name, size, version, [[begin, end], ...]]: these bytes of it are fetched (none named: all),
       into a file of its size. "ahead": with an error of the kind "busy" instead of waiting for room in the cache.
    -> {"id", "op": "adopt", "input", "paths"}        files of an earlier process of this job that are still in use; no answer
    -> {"op": "release", "hold": id of a fetch or adopt, "keep"}              no answer; a fetch that goes on is given up.
       "keep": what was read to cut a table stays for its mini-batches while there is room
    -> {"id", "op": "stat"}                                                   <- {"id", "counts": {...}}
    What is asked of the output is in output.py. Where a request or an answer has "body", a number, so many bytes follow it.

An error is {"id", "error": {"kind", "message"}} (troubles.py). What a connection holds is released with it."""

import asyncio
import json
import os
import struct

from parallelrun_data.download import PART
from parallelrun_data.ordering import EmptyFolders, in_order, without_folders
from parallelrun_data.parts import BLOCK, PartedEntry, blocks_of, is_last, is_table, runs_of
from parallelrun_data.places import after_passing, patiently
from parallelrun_data.troubles import (
    CHANGED,
    REFUSED,
    TIMEOUT,
    UNAVAILABLE,
    Passing,
    Patience,
    Trouble,
    ends,
    unexpected,
)

_LONGEST_FRAME = 512 << 20
_OBJECTS_IN_FRAME = 500


class Tables:
    """What a source has that is no store of objects: `ranges(after)` yields what list() does, and `bring(cache, counts,
    seconds, name, version, entry)` makes the file of one (sql_place.py)."""


class Input:
    """One source of the job. `root`: the folder below which its objects become files. `what`: in messages."""

    def __init__(self, name, place, root, what=""):
        self.name = name
        self.place = place
        self.root = root
        self.what = what


class Server:
    def __init__(self, inputs, cache, downloads, counts, patience_seconds, log, output=None):
        self._inputs = inputs  # by name
        self.output = output
        self._cache = cache
        self._downloads = downloads
        self._counts = counts
        self._seconds = patience_seconds
        self._log = log

    async def listen(self, path):
        # Nobody else may connect, also in the moment before a chmod.
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._serve, path, limit=1 << 20)
        finally:
            os.umask(before)

    async def _serve(self, reader, writer):
        try:
            await _Connection(self, reader, writer).run()
        except asyncio.CancelledError:
            pass  # this process ends

    def counts(self):
        others = sum(getattr(given.place, "other_snapshots", 0) for given in self._inputs.values())
        return dict(
            self._counts.as_dict(),
            cacheBytes=self._cache.used,
            mostCacheBytes=self._cache.most,
            otherSnapshots=others,
        )

    async def list(self, name, after, folder=lambda name: None):
        """Yields (name, size, version) of an input in order. A listing that was cut goes on behind its last
        name. `folder(name)` is told of objects that stand for empty folders, at their place in the order; they are
        left out."""
        given = self._inputs[name]
        patience = Patience(self._seconds, self._counts)
        last = after
        refusals = 0
        while True:
            folders = EmptyFolders(last)
            try:
                async for entry in self._listed(given.place, last, folders.add):
                    patience.progress()
                    refusals = 0
                    for empty in folders.before(entry[0]):
                        folder(empty)
                    yield entry
                    last = entry[0]
                for empty in folders.rest():
                    folder(empty)
                return
            except Passing as passing:
                refusals = await after_passing(given.place, patience, passing, refusals)

    @staticmethod
    def _listed(place, last, folder):
        if isinstance(place, Tables):
            return place.ranges(last)
        return without_folders(in_order(place.list, last, folder), place.is_folder, folder)

    def _brought(self, place, name, size, version, entry):
        if isinstance(place, Tables):
            return place.bring(self._cache, self._counts, self._seconds, name, version, entry)
        return self._downloads.object(place, name, size, version, entry)

    async def fetch(self, name, objects, timeout, what, entries, at_once=False):
        """Adds to `entries` what is held from now on; gives the paths below the input's root."""
        given = self._inputs[name]
        for one in objects:
            if is_table(one) and one[1] is None:
                await self._refuse_without_size(given.place, one[0], one[2])
        entries.extend(await self._cache.reserve(given.root, objects, what, at_once))
        tasks = set()
        for one, entry in zip(objects, entries):
            if isinstance(entry, PartedEntry):
                tasks.update(self._parts(given.place, one, entry))
                continue
            object_name, size, version = one
            if entry.task is None:
                entry.task = asyncio.ensure_future(
                    self._brought(given.place, object_name, size, version, entry)
                )
                entry.task.add_done_callback(lambda task, entry=entry: self._ended(task, entry))
            tasks.add(entry.task)
        if tasks:
            # Others may wait for the same: nothing is given up with this.
            done, going_on = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            if going_on:
                raise Trouble(
                    TIMEOUT,
                    f"fetching the data of {what} did not end after {timeout:.0f} s (taskOverheadTimeout)",
                )
        return [os.path.relpath(entry.path, given.root) for entry in entries]

    def _parts(self, place, one, entry):
        """The tasks that bring the parts of a table's object."""
        name, _, version, ranges = one
        try:
            entry.make()
        except OSError as error:
            raise self._cache.trouble(error, entry.path) from None
        wanted = blocks_of(ranges, entry.object_size)
        self._cache.complete(entry, wanted)
        new = [block for block in wanted if entry.blocks[block] is None]
        for first, end in runs_of(new, PART):
            task = asyncio.ensure_future(
                self._downloads.part(
                    place, name, version, entry, first * BLOCK, min(end * BLOCK, entry.object_size)
                )
            )
            blocks = range(first, end)
            entry.blocks.update(dict.fromkeys(blocks, task))
            task.add_done_callback(lambda task, blocks=blocks: self._part_ended(task, entry, blocks))
        return {entry.blocks[block] for block in wanted}

    def _part_ended(self, task, entry, blocks):
        if task.cancelled() or task.exception() is not None:
            self._cache.lost(entry, [block for block in blocks if entry.blocks.get(block) is task])

    async def _refuse_without_size(self, place, name, version):
        """A table is cut by places in it. But what cannot be read at all says so by itself."""

        async def first_block():
            async for _ in place.read(name, version, None, None):
                return

        await patiently(place, Patience(self._seconds, self._counts), first_block)
        raise Trouble(
            REFUSED,
            f"{place.address}/{name} is a table, and its server does not tell its size; copy it to a store or a volume, "
            "or read it in the script with type: file",
        )

    def release(self, entries, objects=(), keep=False):
        """`objects`: what the entries were asked for, where their mini-batch is done."""
        if not keep:
            for one, entry in zip(objects, entries):
                if isinstance(entry, PartedEntry) and is_last(one[3], entry.object_size):
                    entry.ended = True
        self._cache.release(entries, keep)

    def _ended(self, task, entry):
        # Who asks for it again shall not get the old error.
        if task.cancelled() or task.exception() is not None:
            self._cache.drop(entry)


class _Connection:
    def __init__(self, server, reader, writer):
        self._server = server
        self._reader = reader
        self._writer = writer
        self._tasks = {}  # id -> task
        self._holds = {}  # id -> (entries, the objects that they were asked for)
        self._sending = asyncio.Lock()

    async def run(self):
        try:
            while True:
                head = await self._reader.readexactly(4)
                (length,) = struct.unpack("<I", head)
                if length > _LONGEST_FRAME:
                    return
                request = json.loads(await self._reader.readexactly(length))
                if request.get("body") is not None:
                    if request["body"] > _LONGEST_FRAME:
                        return
                    request["body"] = await self._reader.readexactly(request["body"])
                self._take(request)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            for entries, _ in self._holds.values():
                self._server.release(entries)
            self._writer.close()

    def _take(self, request):
        op = request.get("op")
        if op == "release":
            self._release(request["hold"], request.get("keep", False))
            return
        number = request["id"]
        known = {"list": self._list, "fetch": self._fetch, "adopt": self._adopt, "stat": self._stat}
        work = known.get(op, self._output)
        task = asyncio.ensure_future(self._answered(number, work, request))
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    def _release(self, number, keep):
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()
        entries, objects = self._holds.pop(number, ((), ()))
        if entries:
            self._server.release(entries, objects, keep)

    async def _answered(self, number, work, request):
        try:
            await work(number, request)
        except asyncio.CancelledError:
            pass
        except (Trouble, Passing) as trouble:
            kind = getattr(trouble, "kind", UNAVAILABLE)
            kind = CHANGED if kind == REFUSED else kind
            await self._send({"id": number, "error": {"kind": kind, "message": trouble.message}})
        except ConnectionError:
            pass
        except BaseException as error:
            if ends(error):
                raise
            words = unexpected(error)
            self._server._log.error("%s", words)
            await self._send({"id": number, "error": {"kind": UNAVAILABLE, "message": words}})

    async def _send(self, message, content=None):
        if content is not None:
            message["body"] = len(content)
        body = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode()
        async with self._sending:
            self._writer.write(struct.pack("<I", len(body)) + body)
            if content is not None:
                self._writer.write(content)
            await self._writer.drain()

    async def _list(self, number, request):
        group, before, told = [], [], []
        async for entry in self._server.list(request["input"], request.get("after", ""), told.append):
            group.append(entry)
            before += told
            told.clear()
            # The first ones at once: work begins with them.
            if len(group) >= _OBJECTS_IN_FRAME:
                await self._send({"id": number, "objects": group, "folders": before})
                group, before = [], []
        if group:
            await self._send({"id": number, "objects": group, "folders": before})
        await self._send({"id": number, "end": True, "folders": told})

    async def _fetch(self, number, request):
        entries = []
        objects = [tuple(one) for one in request["objects"]]
        self._holds[number] = entries, objects
        try:
            paths = await self._server.fetch(
                request["input"],
                objects,
                float(request["timeout"]),
                request.get("what", "a mini-batch"),
                entries,
                request.get("ahead", False),
            )
        except BaseException:
            # Released already where the request was given up.
            if self._holds.pop(number, None) is not None:
                self._server.release(entries)
            raise
        await self._send({"id": number, "paths": paths})

    async def _adopt(self, number, request):
        root = self._server._inputs[request["input"]].root
        adopted = [self._server._cache.adopt(root, path) for path in request["paths"]]
        self._holds[number] = adopted, ()

    async def _output(self, number, request):
        async for message, content in self._server.output.answers(request):
            await self._send({"id": number, **message}, content)

    async def _stat(self, number, request):
        await self._send({"id": number, "counts": self._server.counts()})
