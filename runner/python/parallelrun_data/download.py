"""Brings one object into a file: in parts where it is large, on where a connection was cut, whole or not at all."""

import asyncio
import os

from parallelrun_data.places import patiently
from parallelrun_data.troubles import CHANGED, Passing, Patience, Trouble

# A large object comes in parts, so many at a time.
PART = 16 << 20
PARTS_AT_A_TIME = 4
_NEW = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def remove_if_there(path):
    try:
        os.unlink(path)
    except OSError:
        pass


class Downloads:
    """`connections`: how many requests go on at a time, over all objects."""

    def __init__(self, cache, counts, patience_seconds, connections=32):
        self._cache = cache
        self._counts = counts
        self._seconds = patience_seconds
        self._connections = asyncio.Semaphore(connections)

    async def object(self, place, name, size, version, entry):
        """Raises Trouble. Cancelled or failed: nothing of it stays."""
        partial = self._cache.partial(entry)
        try:
            try:
                descriptor = os.open(partial, _NEW, 0o600)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(entry.path), exist_ok=True)
                descriptor = os.open(partial, _NEW, 0o600)
        except OSError as error:
            raise self._cache.trouble(error, partial) from None
        try:
            try:
                # Parts of an object without a version may be of different contents.
                if size is not None and size > PART and version:
                    await self._in_parts(place, name, size, version, descriptor)
                    written = size
                else:
                    written = await self._part(place, name, version, descriptor, 0, size, whole=True)
            finally:
                os.close(descriptor)
            if written != entry.size:
                self._cache.grew(entry, written)
            os.rename(partial, entry.path)
        except OSError as error:
            remove_if_there(partial)
            raise self._cache.trouble(error, partial) from None
        except BaseException:
            remove_if_there(partial)
            raise
        self._counts.objects += 1
        self._counts.bytes += written

    async def part(self, place, name, version, entry, begin, end):
        """Bytes [begin, end) of a table's object, into their place in its file. Raises Trouble."""
        try:
            descriptor = os.open(entry.path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._cache.trouble(error, entry.path) from None
        try:
            await self._part(place, name, version, descriptor, begin, end)
        except OSError as error:
            raise self._cache.trouble(error, entry.path) from None
        finally:
            os.close(descriptor)
        self._counts.bytes += end - begin

    async def _in_parts(self, place, name, size, version, descriptor):
        at_a_time = asyncio.Semaphore(PARTS_AT_A_TIME)

        async def one(begin):
            async with at_a_time:
                await self._part(place, name, version, descriptor, begin, min(begin + PART, size))

        parts = [asyncio.ensure_future(one(begin)) for begin in range(0, size, PART)]
        try:
            await asyncio.gather(*parts)
        except BaseException:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            raise

    async def _part(self, place, name, version, descriptor, begin, end, whole=False):
        """Bytes [begin, end) of the object into the file; end None: its size is not known. Gives where it ended."""
        patience = Patience(self._seconds, self._counts)
        at = most = begin

        async def attempt():
            nonlocal at, most
            async with self._connections:
                # A small object needs no range, and one of unknown size or without a version is begun anew.
                if end is None or (whole and (at == 0 or not version)):
                    if at > begin:  # ext4 writes a file that was cut to nothing to its disk when it is closed
                        os.ftruncate(descriptor, 0)
                    at = begin
                    stream = place.read(name, version, None, None)
                elif at < end:
                    stream = place.read(name, version, at, end)
                else:
                    return
                async for block in stream:
                    at += _write_all(descriptor, block, at)
                    # What is begun anew comes no further by what was there before.
                    if at > most:
                        most = at
                        patience.progress()
            if end is not None and at < end:
                raise Passing(
                    "cut", f"{place.address}/{name} ended after {at - begin} of {end - begin} bytes"
                )
            if end is not None and at > end:
                raise Trouble(
                    CHANGED, f"{place.address}/{name} has changed since it was planned: it has grown"
                )

        await patiently(place, patience, attempt)
        return at


def _write_all(descriptor, block, at):
    view = memoryview(block)
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], at + done)
    return done
