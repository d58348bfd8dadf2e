"""The output of a job in a store: what the orchestrator asks for, over the socket of server.py.

    -> {"id", "op": "create", "name", "body"}   <- {"id", "created"}: whether the object is there with these bytes; false: with others
    -> {"id", "op": "put", "name", "body"}      <- {"id", "version"}; in place of what is there
    -> {"id", "op": "upload", "name", "path"}   <- {"id", "size", "version"}; the same with a file, whole
    -> {"id", "op": "get", "name", "version", "begin", "end"}  <- {"id", "body"}; of the version if it is named, these bytes if they are
    -> {"id", "op": "facts", "name"}            <- {"id", "size", "version"}; both null: there is no such object
    -> {"id", "op": "names", "below"}           <- {"id", "objects": [[name, size, version], ...]} ... {"id", "end": true}
    -> {"id", "op": "remove", "names", "below"} <- {"id", "end": true}; with "below" also all whose names begin with that

Names are below the folder of the output. Each request is tried again for as long as a fetch is. Of an output that somebody only
looks at, what writes is refused."""

import os
import time

from parallelrun_data.places import patiently
from parallelrun_data.troubles import INVALID, MISSING, Passing, Patience, Trouble
from parallelrun_data.whole_object import whole

_OBJECTS_IN_FRAME = 500
_PROBES = ".parallelrun/probes/"  # their names begin with the second of their making
_PROBE_IS_LEFT = 86_400  # seconds; longer than any start, and than clocks differ
_READING = ("get", "facts", "names")


class Output:
    def __init__(self, place, what, counts, patience_seconds, read_only=False):
        self._place = place
        self._what = what
        self._counts = counts
        self._seconds = patience_seconds
        self._read_only = read_only

    async def check(self, seconds):
        """Whether it can be listed and, unless it is only read, written to, and creates an object once."""
        probe = f"{_PROBES}{int(time.time())}-{os.urandom(8).hex()}"

        async def attempt():
            await self._place.check()
            if self._read_only:
                return
            first = await self._place.create(probe, b"first")
            second = await self._place.create(probe, b"second")
            await self._place.remove([probe, *[name async for name in self._probes_left()]])
            if not first or second:
                raise Trouble(INVALID, self._place.without_conditions())

        try:
            await patiently(self._place, Patience(seconds, self._counts), attempt)
        except Trouble as trouble:
            raise Trouble(trouble.kind, f"{self._what}: {trouble.message}") from None

    async def _probes_left(self):
        """Those of starts that were killed in between."""
        async for name, _, _ in self._place.list(_PROBES, None):
            made, _, _ = name.removeprefix(_PROBES).partition("-")
            if made.isascii() and made.isdigit() and int(made) < time.time() - _PROBE_IS_LEFT:
                yield name

    async def answers(self, request):
        """Yields (message, bytes or None)."""
        op = request["op"]
        if self._read_only and op not in _READING:
            raise Trouble(INVALID, f"{self._what}: it is only read here, so '{op}' is refused")
        if op == "names":
            group = []
            for entry in await self._patiently(lambda: self._names(request["below"])):
                group.append(entry)
                if len(group) >= _OBJECTS_IN_FRAME:
                    yield {"objects": group}, None
                    group = []
            yield {"objects": group}, None
            yield {"end": True}, None
            return
        work = {
            "create": self._create,
            "put": self._put,
            "upload": self._upload,
            "get": self._get,
            "facts": self._facts,
            "remove": self._remove,
        }[op]
        yield await self._patiently(lambda: work(request))

    async def _patiently(self, attempt):
        return await patiently(self._place, Patience(self._seconds, self._counts), attempt)

    async def _names(self, below):
        return [list(entry) async for entry in self._place.list(below, None)]

    async def _create(self, request):
        return {"created": await self._place.create(request["name"], request["body"])}, None

    async def _put(self, request):
        return {"version": await self._place.put(request["name"], request["body"])}, None

    async def _upload(self, request):
        size, version = await self._place.upload(request["name"], request["path"])
        return {"size": size, "version": version}, None

    async def _get(self, request):
        begin, address = request.get("begin"), f"{self._place.address}/{request['name']}"
        blocks = await whole(
            self._place.read(request["name"], request.get("version"), begin, request.get("end")), address
        )
        if begin is not None and len(blocks) != request["end"] - begin:
            raise Passing("cut", f"{address} was cut")
        return {}, blocks

    async def _facts(self, request):
        try:
            size, version = await self._place.facts(request["name"])
        except Trouble as trouble:
            if trouble.kind != MISSING:
                raise
            return {"size": None, "version": None}, None
        return {"size": size, "version": version}, None

    async def _remove(self, request):
        names = list(request.get("names", ()))
        if request.get("below"):
            names += [name for name, _, _ in await self._names(request["below"])]
        if names:
            await self._place.remove(names)
        return {"end": True}, None
