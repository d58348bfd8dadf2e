"""Stores list names in bytewise order; an input is planned in bytewise order of the path components, as a directory is
walked. The two differ where a name goes on with a character below '/': "a-b" comes before "a/x" in a store, and behind
it here."""

import asyncio
import heapq
from collections import deque

from parallelrun_data.troubles import INVALID, UNAVAILABLE, Trouble

# So many names wait for a folder that may still come before it is asked for.
WAITING = 2000


def rank(name):
    """Names in the order of their ranks are in the order of their components."""
    return name.encode("utf-8", "surrogateescape").replace(b"/", b"\0")


def folders_before(name, prefix=""):
    """The folders below `prefix` that would come before `name` here, and behind it in a store: shortest first."""
    raw = name.encode("utf-8", "surrogateescape")
    least = len(prefix.encode("utf-8", "surrogateescape"))
    return [
        raw[:at] for at, byte in enumerate(raw) if byte < 0x2F and at > least and raw[at - 1 : at] != b"/"
    ]


def least_start(after):
    """The store's listing may begin behind this name where everything up to `after` is done; None: at the beginning."""
    if not after:
        return None
    return after.split("/", 1)[0]


class EmptyFolders:
    """Of the folders that a listing tells, those with no object below and none of their name, each once and at its place
    in the order of the entries: a listing that is cut may tell them again, and some before their place."""

    def __init__(self, after=""):
        self._done = rank(after) if after else b""
        self._waiting = []  # heap of (rank, name)

    def add(self, name):
        if rank(name) > self._done:
            heapq.heappush(self._waiting, (rank(name), name))

    def before(self, name):
        """Those that come before the next entry, which has this name."""
        place = rank(name)
        while self._waiting and self._waiting[0][0] <= place:
            folder = self._pop()
            if place != rank(folder) and not place.startswith(rank(folder) + b"\0"):
                yield folder
        self._done = place

    def rest(self):
        while self._waiting:
            yield self._pop()

    def _pop(self):
        first = heapq.heappop(self._waiting)
        while self._waiting and self._waiting[0] == first:
            heapq.heappop(self._waiting)
        return first[1]


# So many empty objects are asked at a time whether they are folders.
ASKED_AT_A_TIME = 32


async def without_folders(entries, is_folder, folder):
    """The entries but for those of folders, which `folder(name)` is told. `is_folder(name, version)` is asked
    for what is empty and has nothing below."""
    waiting = deque()
    try:
        async for entry in entries:
            asked = asyncio.ensure_future(is_folder(entry[0], entry[2])) if entry[1] == 0 else None
            waiting.append((entry, asked))
            while waiting:
                first, asked = waiting[0]
                if asked is not None and not asked.done() and len(waiting) <= ASKED_AT_A_TIME:
                    break
                if asked is not None and await asked:
                    folder(first[0])
                else:
                    yield first
                waiting.popleft()
        for first, asked in waiting:
            if asked is not None and await asked:
                folder(first[0])
            else:
                yield first
    finally:
        left = [asked for _, asked in waiting if asked is not None]
        for asked in left:
            asked.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def in_order(listing, after="", folder=lambda name: None):
    """Yields (name, size, version) in order, behind `after`. `listing(prefix, start)` is an async iterator over the names
    that begin with `prefix`, from behind `start` (None: all), in the store's order. An empty object whose name is that
    of a folder is what some tools make for the folder: it is left out. `folder(name)` is told of those that
    are not between the others."""
    held = None
    async for entry in _behind(listing, after, folder):
        if held is not None and held[0] == entry[0]:
            # A client gives the names of "a" and of the folder "a/" alike.
            if entry[1] and held[1]:
                raise Trouble(
                    INVALID,
                    f"the store has two objects '{entry[0]}', whose names differ only by a slash at the beginning or "
                    "end; rename or delete one",
                )
            held = entry if entry[1] else held
            continue
        if held is not None and not (held[1] == 0 and entry[0].startswith(held[0] + "/")):
            yield held
        held = entry
    if held is not None:
        yield held


async def _behind(listing, after, folder):
    last = rank(after) if after else None
    async for entry in _ordered(listing, "", least_start(after), folder):
        place = rank(entry[0])
        if after and place <= rank(after):
            continue
        if last is not None and place < last:
            raise Trouble(UNAVAILABLE, f"the store lists '{entry[0]}' at a place where it does not belong")
        last = place
        yield entry


async def _ordered(listing, prefix, start, folder):
    waiting = []  # heap of (rank, name, entry)
    absent = set()  # folders that were asked for and are not there
    taken = []  # folders whose names were listed ahead
    seen = None
    before = None
    async for entry in listing(prefix, start):
        raw = entry[0].encode("utf-8", "surrogateescape")
        if before is not None and raw <= before and entry[1] == 0 and raw + b"/" > before:
            # It stands where the folder "a/" would: a client leaves the slash away.
            folder(entry[0])
            continue
        if before is not None and raw < before:
            # Not in bytewise order (a hierarchical namespace): all of it is sorted here.
            rest = [(r, n, e) for r, n, e in waiting]
            rest.append((rank(entry[0]), entry[0], entry))
            async for other in _rest(listing, prefix, rest, seen):
                yield other
            return
        before = raw
        if any(raw.startswith(folder) for folder in taken):
            continue
        heapq.heappush(waiting, (rank(entry[0]), entry[0], entry))
        while waiting:
            _, name, first = waiting[0]
            open_folders = [f for f in folders_before(name, prefix) if f not in absent and before < f + b"0"]
            if open_folders and len(waiting) <= WAITING:
                break
            for open_folder in open_folders:
                inside = open_folder + b"/"
                if not any(inside.startswith(t) for t in taken):
                    found = False
                    async for one in _ordered(
                        listing, inside.decode("utf-8", "surrogateescape"), None, folder
                    ):
                        found = True
                        yield one
                    if found:
                        taken.append(inside)
                absent.add(open_folder)
            heapq.heappop(waiting)
            seen = rank(name)
            yield first
    while waiting:
        yield heapq.heappop(waiting)[2]


async def _rest(listing, prefix, rest, seen):
    names = {entry[1] for entry in rest}
    async for entry in listing(prefix, None):
        place = rank(entry[0])
        if entry[0] not in names and (seen is None or place > seen):
            rest.append((place, entry[0], entry))
    for _, _, entry in sorted(rest, key=lambda one: one[0]):
        yield entry
