"""The order of a store's listing: that of a directory that is walked, whatever order the store has."""

import asyncio
import random
import sys

import pytest
from checkout import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "runner" / "python"))
from parallelrun_data import ordering  # noqa: E402


def made_listing(names, in_rank_order=False):
    names = sorted(names, key=ordering.rank) if in_rank_order else sorted(names)
    asked = []

    async def listing(prefix, start):
        asked.append(prefix)
        for name in names:
            behind = start is None or (
                ordering.rank(name) > ordering.rank(start) if in_rank_order else name > start
            )
            if name.startswith(prefix) and behind:
                yield name, 1, "v"

    return listing, asked


def in_order(listing, after=""):
    async def collect():
        return [entry[0] async for entry in ordering.in_order(listing, after)]

    return asyncio.run(collect())


@pytest.mark.parametrize("seed", range(300))
def test_is_that_of_the_components_for_every_start(seed, monkeypatch):
    chosen = random.Random(seed)
    monkeypatch.setattr(ordering, "WAITING", chosen.choice([0, 1, 2, 5, 2000]))

    def part():
        return "".join(chosen.choice("ab-.z") for _ in range(chosen.randint(1, 3)))

    names = {"/".join(part() for _ in range(chosen.randint(1, 4))) for _ in range(chosen.randint(0, 40))}
    # Some stores list in the order of folders.
    listing, _ = made_listing(names, in_rank_order=chosen.random() < 0.2)
    whole = sorted(names, key=lambda name: name.split("/"))
    assert in_order(listing) == whole
    for after in chosen.sample(sorted(names), min(3, len(names))):
        assert in_order(listing, after) == whole[whole.index(after) + 1 :]


def test_memory_is_bounded_where_many_names_wait_for_a_folder():
    names = [f"img-{number:05}" for number in range(10_000)] + ["img/last"]
    listing, asked = made_listing(names)
    waiting = 0
    real = ordering.heapq.heappush

    def push(heap, entry):
        nonlocal waiting
        real(heap, entry)
        waiting = max(waiting, len(heap))

    ordering.heapq.heappush = push
    try:
        assert in_order(listing) == ["img/last", *names[:-1]]
    finally:
        ordering.heapq.heappush = real
    assert waiting <= ordering.WAITING + 1
    assert asked == ["", "img/"]


def test_what_stands_for_a_folder_is_left_out():
    async def listing(prefix, start):
        for name, size in (("a", 0), ("a/x", 1), ("b", 0), ("c", 1), ("c/y", 1)):
            if name.startswith(prefix) and (start is None or name > start):
                yield name, size, "v"

    assert in_order(listing) == ["a/x", "b", "c", "c/y"]


def test_a_folder_that_is_listed_without_its_slash():
    """Bytewise "a-b" is before "a/": where the slash is left away, "a" comes behind it. Nothing is listed
    anew for that."""
    asked = []
    told = []

    async def listing(prefix, start):
        asked.append(prefix)
        for name, size in (("a", 1), ("a-b", 1), ("a", 0), ("c-d", 1), ("c", 0), ("e", 1), ("e", 0)):
            if name.startswith(prefix) and (start is None or name > start):
                yield name, size, "v"

    async def collect():
        return [entry async for entry in ordering.in_order(listing, "", told.append)]

    assert asyncio.run(collect()) == [("a", 1, "v"), ("a-b", 1, "v"), ("c-d", 1, "v"), ("e", 1, "v")]
    assert told == ["a", "c", "e"]
    assert asked.count("") == 1


def test_a_folder_is_told_behind_one_that_was_asked_for(monkeypatch):
    monkeypatch.setattr(ordering, "WAITING", 0)
    told = []

    async def listing(prefix, start):
        for name, size in (("a-b", 1), ("a/x", 1), ("c", 1), ("c-d", 1), ("c", 0)):
            if name.startswith(prefix) and (start is None or name > start):
                yield name, size, "v"

    async def collect():
        return [entry[0] async for entry in ordering.in_order(listing, "", told.append)]

    assert asyncio.run(collect()) == ["a/x", "a-b", "c", "c-d"]
    assert told == ["c"]


@pytest.mark.parametrize("seed", range(100))
def test_empty_folders_come_once_each_in_their_order(seed):
    """Wherever the listing is cut and goes on, and however early a folder is told."""
    chosen = random.Random(seed)

    def part():
        return "".join(chosen.choice("ab-.") for _ in range(chosen.randint(1, 2)))

    names = {"/".join(part() for _ in range(chosen.randint(1, 3))) for _ in range(30)}
    folders = set(chosen.sample(sorted(names), 12))
    objects = sorted(names - folders, key=ordering.rank) + ["z"]
    empty = [
        name
        for name in sorted(folders, key=ordering.rank)
        if not any(one.startswith(name + "/") for one in objects)
    ]
    seen = []
    last = ""
    while last != "z":
        told = ordering.EmptyFolders(last)
        cut = chosen.randint(0, len(objects))
        for name in chosen.sample(sorted(folders), 12):
            if chosen.random() < 0.5:
                told.add(name)
        for name in objects[:cut]:
            if last and ordering.rank(name) <= ordering.rank(last):
                continue
            for one in [f for f in folders if ordering.rank(f) <= ordering.rank(name)] * 2:
                told.add(one)
            seen += [*told.before(name), name]
            last = name
    assert seen == sorted([*objects, *empty], key=ordering.rank)


def test_empty_objects_are_asked_for_many_at_a_time():
    most = now = 0

    async def entries():
        for number in range(500):
            yield f"{number:03}", 0, "v"

    async def is_folder(name, version):
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return int(name) % 2 == 0

    async def collect():
        folders = []
        return [e[0] async for e in ordering.without_folders(entries(), is_folder, folders.append)], folders

    objects, folders = asyncio.run(collect())
    assert objects == [f"{n:03}" for n in range(1, 500, 2)] and folders == [
        f"{n:03}" for n in range(0, 500, 2)
    ]
    assert 16 <= most <= ordering.ASKED_AT_A_TIME + 1
