"""What the cache holds of tables: parts at their places, counted, kept for mini-batches, and given up as a whole."""

import asyncio
import os
import sys

import pytest
from checkout import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "runner" / "python"))

from parallelrun_data.cache import Cache  # noqa: E402
from parallelrun_data.parts import BLOCK, blocks_of, bytes_of, runs_of  # noqa: E402
from parallelrun_data.troubles import BUSY, TOO_LARGE, Trouble  # noqa: E402

SIZE = 10 * BLOCK + 5


def part(name, *blocks):
    return name, SIZE, '"v"', [[block * BLOCK, block * BLOCK + 1] for block in blocks]


@pytest.fixture
def cache(tmp_path):
    return Cache(str(tmp_path), 8 * BLOCK)


def test_blocks_of_ranges():
    assert blocks_of([[0, 1], [BLOCK - 1, BLOCK + 1], [5 * BLOCK, 5 * BLOCK]], SIZE) == [0, 1]
    assert blocks_of([[SIZE - 1, SIZE + 100]], SIZE) == [10]
    assert blocks_of([], SIZE) == list(range(11))
    assert blocks_of([], 0) == []
    assert bytes_of([0, 10], SIZE) == BLOCK + 5
    assert runs_of([0, 1, 2, 3, 5], 2 * BLOCK) == [[0, 2], [2, 4], [5, 6]]


def test_mini_batches_share_the_file_of_an_object(cache):
    async def check():
        (first,) = await cache.reserve(cache.folder, [part("t", 0, 1)])
        (second,) = await cache.reserve(cache.folder, [part("t", 1, 2)])
        assert first is second
        assert cache.used == 3 * BLOCK
        first.make()
        assert os.stat(first.path).st_size == SIZE
        cache.release([first])
        assert os.path.exists(first.path)
        cache.release([first])
        assert cache.used == 0
        assert not os.path.exists(first.path)

    asyncio.run(check())


def test_what_was_read_to_cut_stays_in_half_of_the_cache_until_room_is_needed(cache):
    async def check():
        for name in ("a", "b", "c"):
            entries = await cache.reserve(cache.folder, [part(name, 0, 1)])
            cache.release(entries, keep=True)
        assert cache.used == 4 * BLOCK  # a and b; c found no room
        a, _ = cache._kept.values()
        # What will be needed last goes first; what is asked for stays.
        held = await cache.reserve(cache.folder, [part("d", *range(5))])
        assert cache.used == 7 * BLOCK
        assert list(cache._kept.values()) == [a]
        more = await cache.reserve(cache.folder, [part("a", 1, 2)])
        assert more == [a]
        cache.release(more)
        assert cache.used == 8 * BLOCK  # it stays, until its last mini-batch is done
        more = await cache.reserve(cache.folder, [part("a", 0)])
        a.ended = True
        cache.release(more)
        cache.release(held)
        assert cache.used == 0

    asyncio.run(check())


def test_what_is_kept_of_an_object_gives_way_to_more_of_it(cache):
    async def check():
        entries = await cache.reserve(cache.folder, [part("a", 0, 1, 2, 3)])
        cache.release(entries, keep=True)
        (entry,) = await asyncio.wait_for(cache.reserve(cache.folder, [part("a", *range(4, 10))]), 10)
        assert cache.used == 6 * BLOCK
        cache.release([entry])

    asyncio.run(check())


def test_who_asks_ahead_does_not_wait_and_takes_no_room_of_others(cache):
    async def check():
        held = await cache.reserve(cache.folder, [part("a", *range(6))])
        with pytest.raises(Trouble) as met:
            await cache.reserve(cache.folder, [part("b", 0)], at_once=True)
        assert met.value.kind == BUSY
        with pytest.raises(Trouble) as met:
            await cache.reserve(cache.folder, [part("b", *range(9))], "mini-batch 3")
        assert met.value.kind == TOO_LARGE
        assert "the objects of mini-batch 3 have" in met.value.message
        waiting = asyncio.ensure_future(cache.reserve(cache.folder, [part("b", 0, 1, 2)]))
        await asyncio.sleep(0)
        assert not waiting.done()
        cache.release(held)
        assert len(await waiting) == 1

    asyncio.run(check())


def test_a_block_that_did_not_come_is_fetched_again(cache):
    async def check():
        (entry,) = await cache.reserve(cache.folder, [part("a", 0, 1)])
        cache.lost(entry, [0])
        assert cache.used == BLOCK
        cache.complete(entry, [0, 1])
        assert (cache.used, sorted(entry.blocks)) == (2 * BLOCK, [0, 1])

    asyncio.run(check())


def test_a_file_that_a_killed_process_left_is_not_written_into(cache, tmp_path):
    """A process may read it, and it has other parts."""
    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / "a").write_bytes(b"old")

    async def check():
        (entry,) = await cache.reserve(cache.folder, [part("day=1/a", 0)])
        entry.make()
        assert "/day=1/a" in entry.path
        assert (tmp_path / "day=1" / "a").read_bytes() == b"old"
        assert os.stat(entry.path).st_size == SIZE

    asyncio.run(check())
