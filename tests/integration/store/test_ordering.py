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
