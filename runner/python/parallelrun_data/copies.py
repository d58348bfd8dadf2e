"""Copies of what a job has put into a store, for who looks at it on this machine (python/parallelrun/_stored_output.py)."""

import os

from parallelrun_data.places import patiently
from parallelrun_data.troubles import CHANGED, DISK, INVALID, MISSING, Passing, Patience, Trouble

_RACES = 5


async def copy(place, what, names, folder, patience_seconds, counts):
    """The objects of `names` below the output, each to its path below `folder`; a name with a '/' at its end is all below
    it. What is not there is left out. Raises Trouble."""
    patience = Patience(patience_seconds, counts)

    async def found(below):
        return [entry[0] async for entry in place.list(below, None)]

    async def fetch(name):
        for race in range(_RACES):
            try:
                return await patiently(place, patience, lambda: _file(place, what, name, folder))
            except Trouble as trouble:
                # A job at work replaces its logs.
                if trouble.kind != CHANGED or race == _RACES - 1:
                    raise

    for name in names:
        wanted = [name]
        if name.endswith("/"):
            wanted = await _or_nothing(what, patiently(place, patience, lambda name=name: found(name))) or []
        for each in wanted:
            await _or_nothing(what, fetch(each))


async def _or_nothing(what, work):
    """None where it is not there (any more)."""
    try:
        return await work
    except Trouble as trouble:
        if trouble.kind == MISSING:
            return None
        raise Trouble(trouble.kind, f"{what}: {trouble.message.removeprefix(what + ': ')}") from None


async def _file(place, what, name, folder):
    if name.startswith("/") or ".." in name.split("/"):
        raise Trouble(INVALID, f"the object '{name}' has no name of a job's file")
    path = os.path.join(folder, name)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        size, version = await place.facts(name)
        with open(path + ".part", "wb") as file:
            async for block in place.read(name, version, None, None):
                file.write(block)
            if file.tell() != size:
                raise Passing("cut", f"{place.address}/{name} was cut")
        os.rename(path + ".part", path)
    except OSError as error:
        raise Trouble(DISK, f"cannot write '{path}': {error.strerror}") from None
