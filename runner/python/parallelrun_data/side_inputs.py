"""Side inputs and the code: all objects of a source as files, before any worker starts."""

import asyncio
import json
import os

from parallelrun_data import code_bounds
from parallelrun_data.cache import Cache, in_words
from parallelrun_data.places import patiently
from parallelrun_data.server import Server, Tables
from parallelrun_data.troubles import DISK, INVALID, MISSING, Patience, Trouble

_AT_A_TIME = 64
ALL = "side inputs"  # no input has a name with a space


async def bring(server, name, downloads_into, given, patience_seconds, counts, say, is_code=False):
    """Fills given.root: a folder, or a file where the source names one object and is not the code. Gives the objects, as
    they were fetched: (name, size, version). Raises Trouble."""
    objects = []
    folders = []
    async for one in server.list(name, "", folders.append):
        objects.append(one)
        if is_code:
            code_bounds.check_count(given, len(objects))
    total = sum(size or 0 for _, size, _ in objects)
    if is_code:
        code_bounds.check(given, len(objects), total)
    if not objects and not folders:
        return await _single(downloads_into, given, patience_seconds, counts)
    os.makedirs(given.root, exist_ok=True)
    free = os.statvfs(given.root)
    if total > free.f_bavail * free.f_frsize:
        raise Trouble(
            DISK,
            f"{given.what} has {in_words(total)}, more than is free in '{given.root}'; set "
            "PARALLELRUN_CACHE_DIR to a folder on another disk",
        )
    say(f"{given.what}: downloading {len(objects)} objects, {in_words(total)}, from {given.place.address}")
    cache = Cache(given.root, total)
    downloads = downloads_into(cache)
    at_a_time = asyncio.Semaphore(_AT_A_TIME)

    async def one(entry_name, size, version):
        async with at_a_time:
            (entry,) = await cache.reserve(given.root, [(entry_name, size, version)])
            if entry.path != os.path.join(given.root, entry_name):
                raise Trouble(
                    INVALID,
                    f"{given.what}: '{entry_name}' cannot be a file beside the other objects, one of which is "
                    "a folder of that name, or its name is too long; rename the object",
                )
            await downloads.object(given.place, entry_name, size, version, entry)

    tasks = [asyncio.ensure_future(one(*each)) for each in objects]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    for folder in folders:
        try:
            os.makedirs(os.path.join(given.root, folder), exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            pass  # an object has its name
    return objects


async def _single(downloads_into, given, patience_seconds, counts):
    place, object_name, size, version = await _single_facts(given, patience_seconds, counts)
    folder = os.path.dirname(given.root)
    cache = Cache(folder, max(size or 0, 1))
    (entry,) = await cache.reserve(folder, [(os.path.basename(given.root), size, version)])
    await downloads_into(cache).object(place, object_name, size, version, entry)
    return [(object_name, size, version)]


async def _single_facts(given, patience_seconds, counts):
    """Of a source that names one object: its place there, its name, size and version."""
    nothing = Trouble(MISSING, f"{given.what}: {given.place.address} has no object")
    single = given.place.single()
    if single is None:
        raise nothing
    place, object_name = single
    try:
        size, version = await patiently(
            place, Patience(patience_seconds, counts), lambda: place.facts(object_name)
        )
    except Trouble as trouble:
        raise nothing if trouble.kind == MISSING else trouble from None
    return place, object_name, size, version


class Fetched(Tables):
    """Side inputs for who asks what was fetched: the listing of a source that is on this machine. `complete`: a file that
    bring()'s objects were written to."""

    def __init__(self, complete):
        self._complete = complete

    @staticmethod
    def write(complete, objects):
        whole = complete + ".new"
        with open(whole, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(objects, file)
        os.rename(whole, complete)

    async def ranges(self, after):
        with open(self._complete, encoding="utf-8", errors="surrogateescape") as file:
            objects = [tuple(one) for one in json.load(file)]
        names = [name for name, _, _ in objects]
        for one in objects[names.index(after) + 1 if after in names else 0 :]:
            yield one


class AllFetched(Tables):
    """What was fetched of all side inputs, as "NAME/object", for who says what this machine has. `wholes`: by name."""

    def __init__(self, wholes):
        self._wholes = wholes

    async def ranges(self, after):
        passed = not after
        for name in sorted(self._wholes):
            async for object_name, size, version in self._wholes[name].ranges(""):
                full = f"{name}/{object_name}"
                if passed:
                    yield full, size, version
                passed = passed or full == after


class Listed(Tables):
    """A side input that is not fetched here: what bring() would fetch now."""

    def __init__(self, given, patience_seconds, counts, log):
        self._given = given
        self._seconds = patience_seconds
        self._counts = counts
        self._server = Server({given.name: given}, None, None, counts, patience_seconds, log)

    async def ranges(self, after):
        folders = []
        anything = False
        try:
            async for one in self._server.list(self._given.name, after, folders.append):
                anything = True
                yield one
            if not anything and not folders and not after:
                _, object_name, size, version = await _single_facts(self._given, self._seconds, self._counts)
                yield object_name, size, version
        except Trouble as trouble:
            what = self._given.what + ": "
            raise Trouble(trouble.kind, what + trouble.message.removeprefix(what)) from None


class Unlisted(Tables):
    """In the place of a side input whose source cannot even be opened."""

    def __init__(self, trouble):
        self._trouble = trouble

    async def ranges(self, after):
        raise self._trouble
        yield after  # makes it a generator
