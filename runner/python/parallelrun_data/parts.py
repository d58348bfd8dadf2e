"""What the cache holds: whole objects, and parts of tables. Of a table's object a file of its size is made, with holes
where nothing was fetched: who reads a mini-batch finds its bytes at the places that the plan names."""

import os

# What is fetched of an object begins and ends at multiples of this.
BLOCK = 16 << 10


def blocks_of(ranges, size):
    """The numbers of the blocks that hold bytes of `ranges`, (begin, end) each; none given: of the whole object."""
    found = set()
    for begin, end in ranges or [(0, size)]:
        end = min(end, size)
        if begin < end:
            found.update(range(begin // BLOCK, (end - 1) // BLOCK + 1))
    return sorted(found)


def bytes_of(blocks, size):
    return sum(min(BLOCK, size - block * BLOCK) for block in blocks)


def runs_of(blocks, most):
    """(first, behind the last) of blocks that follow each other, of at most so many bytes."""
    runs = []
    for block in blocks:
        if runs and runs[-1][1] == block and (block - runs[-1][0]) * BLOCK < most:
            runs[-1][1] = block + 1
        else:
            runs.append([block, block + 1])
    return runs


def is_last(ranges, size):
    """Whether nothing of the object comes behind a mini-batch of these parts. Of Parquet each has the footer among its
    parts, which says nothing."""
    return not ranges or (len(ranges) == 1 and ranges[0][1] >= size)


def is_table(one):
    """Of (name, size, version) or (name, size, version, ranges)."""
    return len(one) > 3


class Entry:
    """One object as a file. `task` brings it."""

    def __init__(self, key, path, size):
        self.key = key
        self.path = path
        self.size = size
        self.holders = 0
        self.task = None

    def cancel(self):
        if self.task is not None and not self.task.done():
            self.task.cancel()


class PartedEntry(Entry):
    """`size`: of the blocks that are here or on their way. No block goes before all do: whoever has the file open finds
    what it was told."""

    def __init__(self, key, path, object_size):
        super().__init__(key, path, 0)
        self.object_size = object_size
        self.blocks = {}  # number -> the task that brings it; None: nobody has begun
        self.kept = False  # who cut the object said that its mini-batches will ask for the same blocks
        self.ended = False  # its last mini-batch is done
        self.made = False

    def missing(self, ranges):
        return [block for block in blocks_of(ranges, self.object_size) if block not in self.blocks]

    def make(self):
        """Raises OSError. Never a file that is there: another process may have it open."""
        if self.made:
            return
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, self.object_size)
        finally:
            os.close(descriptor)
        self.made = True

    def lost(self, blocks):
        """They did not come. Gives their bytes."""
        gone = [block for block in blocks if self.blocks.pop(block, False) is not False]
        return bytes_of(gone, self.object_size)

    def cancel(self):
        for task in set(self.blocks.values()):
            if task is not None and not task.done():
                task.cancel()
