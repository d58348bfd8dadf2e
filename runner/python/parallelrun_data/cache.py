"""The files of fetched objects: bounded, whole or not there, dropped when nobody holds them. Of a table only parts are
fetched (parts.py); what was fetched to cut it stays for its mini-batches while there is room. One event loop."""

import asyncio
import errno
import hashlib
import os
from collections import OrderedDict, deque

from parallelrun_data import parts
from parallelrun_data.parts import Entry
from parallelrun_data.troubles import BUSY, DISK, TOO_LARGE, Trouble

_PARTIAL = ".parallelrun-partial-"
_LONGEST_NAME = 255


def parse_size(text):
    """Bytes of "2Gi", "500M", "1000"; ValueError otherwise."""
    units = {
        "Ki": 1 << 10,
        "Mi": 1 << 20,
        "Gi": 1 << 30,
        "Ti": 1 << 40,
        "k": 10**3,
        "M": 10**6,
        "G": 10**9,
        "T": 10**12,
    }
    for unit, factor in units.items():
        if text.endswith(unit):
            return int(float(text[: -len(unit)]) * factor)
    return int(text)


def default_size(folder):
    """Half of what is free, at most 20 GiB."""
    free = os.statvfs(folder)
    return min(20 << 30, free.f_bavail * free.f_frsize // 2)


def in_words(size):
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


class Cache:
    def __init__(self, folder, size):
        self.folder = folder
        self.size = size
        self.used = 0
        self.most = 0
        self._entries = {}  # (root, name, version), of a table with a mark behind them -> Entry
        self._paths = {}  # absolute path -> Entry
        self._folders = {}  # absolute folder -> entries that need it to be one
        self._waiting = deque()
        self._kept = OrderedDict()  # key -> parts of a table that nobody holds now
        self._kept_size = 0

    def trouble(self, error, path):
        """For an OSError of a write."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Trouble(
                DISK,
                f"the disk of the cache '{self.folder}' is full ({in_words(self.used)} of it are ours); free space, or "
                "set PARALLELRUN_CACHE_DIR to a folder on another disk, or a smaller PARALLELRUN_CACHE_SIZE "
                "(on a cluster worker.dataProcess.cacheSize)",
            )
        return Trouble(
            DISK,
            f"the cache '{path}' cannot be written: {error.strerror}; set PARALLELRUN_CACHE_DIR to a folder that can "
            "be written",
        )

    def find(self, root, name, version):
        return self._entries.get((root, name, version))

    async def reserve(self, root, objects, whose="the mini-batch", at_once=False):
        """Holds an entry for each (name, size, version), and of a table for each (name, size, version, ranges); waits, in
        the order of the calls, until there is space for what is new. Cancelled: nothing is held. `at_once`: raises BUSY
        instead of waiting, and leaves room for those that wait."""
        wanted = sum(_bytes_of(one) for one in objects)
        if wanted > self.size:
            raise Trouble(
                TOO_LARGE,
                f"the objects of {whose} have {in_words(wanted)}, more than the cache may hold "
                f"({in_words(self.size)}); set PARALLELRUN_CACHE_SIZE to more (on a cluster worker.dataProcess.cacheSize), "
                "or a smaller miniBatchSize",
            )
        if at_once:
            new = self._new_bytes_of(root, objects)
            if self._waiting or self.used + new > self.size * 3 // 4:
                raise Trouble(BUSY, "the cache has no room for what is not needed yet")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, root, objects))
        self._admit()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(turn.result())
            else:
                self._waiting = deque(one for one in self._waiting if one[0] is not turn)
                self._admit()
            raise

    def _admit(self):
        while self._waiting:
            turn, root, objects = self._waiting[0]
            if turn.done():
                self._waiting.popleft()
                continue
            new = self._new_bytes_of(root, objects)
            if self._excess(new) > 0:
                self._evict(self._excess(new), {_key(root, one) for one in objects})
            # What is here of the same objects goes only where nothing else makes room.
            if self._excess(new) > 0:
                self._evict(self._excess(new), ())
                new = self._new_bytes_of(root, objects)
            if self._excess(new) > 0:
                return
            self._waiting.popleft()
            turn.set_result([self._hold(root, one) for one in objects])

    def _excess(self, new):
        return self.used + new - self.size

    def _new_bytes_of(self, root, objects):
        return sum(self._new_bytes(root, one) for one in objects)

    def _evict(self, wanted, but):
        """What will be needed last goes first."""
        for key in reversed(list(self._kept)):
            if wanted <= 0:
                return
            if key not in but:
                wanted -= self._kept[key].size
                self.drop(self._kept[key])

    def _new_bytes(self, root, one):
        entry = self._entries.get(_key(root, one))
        if entry is None:
            return _bytes_of(one)
        return parts.bytes_of(entry.missing(one[3]), entry.object_size) if parts.is_table(one) else 0

    def _hold(self, root, one):
        key = _key(root, one)
        entry = self._entries.get(key)
        if entry is None:
            if parts.is_table(one):
                entry = parts.PartedEntry(key, self._new_place(root, one[0], one[2]), one[1] or 0)
            else:
                name, size, version = one
                entry = Entry(key, self._place(root, name, version), size or 0)
            self._take(entry)
        if parts.is_table(one):
            self._kept_no_more(entry)
            self.complete(entry, parts.blocks_of(one[3], entry.object_size))
        entry.holders += 1
        return entry

    def _kept_no_more(self, entry):
        if self._kept.pop(entry.key, None) is not None:
            self._kept_size -= entry.size

    def complete(self, entry, wanted):
        """Blocks that others had asked for, and that did not come meanwhile, are blocks to fetch again."""
        new = [block for block in wanted if block not in entry.blocks]
        entry.blocks.update(dict.fromkeys(new))
        self.grew(entry, entry.size + parts.bytes_of(new, entry.object_size))

    def lost(self, entry, blocks):
        """Blocks of a table did not come: who asks for them again gets them anew."""
        size = entry.lost(blocks)
        if self._entries.get(entry.key) is entry:
            kept = entry.key in self._kept
            self._kept_no_more(entry)
            self.grew(entry, entry.size - size)
            if kept:
                self._keep(entry)
            self._admit()

    def _keep(self, entry):
        self._kept[entry.key] = entry
        self._kept_size += entry.size

    def _take(self, entry):
        self._entries[entry.key] = entry
        self._paths[entry.path] = entry
        for folder in self._folders_of(entry):
            self._folders[folder] = self._folders.get(folder, 0) + 1
        self.used += entry.size
        self.most = max(self.most, self.used)

    def _folders_of(self, entry):
        folder = os.path.dirname(entry.path)
        while len(folder) > len(self.folder):
            yield folder
            folder = os.path.dirname(folder)

    def _place(self, root, name, version):
        """Its path below the root is its name, unless that cannot be a path beside those that are there: "a" and "a/b",
        two versions of one object, or a part too long for a file system."""
        path = os.path.join(root, name)
        names = name.split("/")
        above = [os.path.join(root, *names[:count]) for count in range(1, len(names))]
        if (
            _fits(name)
            and path not in self._paths
            and path not in self._folders
            and not any(a in self._paths for a in above)
        ):
            return path
        return self._other_place(root, name, version)

    @staticmethod
    def _other_place(root, name, version):
        digest = hashlib.sha256(f"{name}\0{version}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
        last = os.fsencode(name.rpartition("/")[2])[-200:].decode("utf-8", "ignore")
        return os.path.join(root, ".other", digest, name if _fits(name) else last or "object")

    def _new_place(self, root, name, version):
        """As _place(), but never where a file is: one that an earlier process of this job has left may be in use, and
        has other parts. Folders may say what is in a table (key=value)."""
        path = self._place(root, name, version)
        if os.path.lexists(path):
            anew = f"{version}\0{os.getpid()}\0{len(self._paths)}"
            path = self._other_place(root, name, anew)
        return path

    def grew(self, entry, size):
        """The object has another size than the listing said (which may not have known it)."""
        self.used += size - entry.size
        self.most = max(self.most, self.used)
        entry.size = size

    def adopt(self, root, path):
        """Holds a file that an earlier process of this job had fetched."""
        absolute = os.path.join(root, path)
        entry = self._paths.get(absolute)
        if entry is None:
            try:
                size = os.stat(absolute).st_blocks * 512  # of a table there may be parts alone
            except OSError:
                size = 0
            entry = Entry((root, path, None), absolute, size)
            self._take(entry)
        entry.holders += 1
        return entry

    def release(self, entries, keep=False):
        """`keep`: their mini-batches will ask for the same bytes."""
        for entry in entries:
            entry.holders -= 1
            table = isinstance(entry, parts.PartedEntry)
            if table and keep:
                entry.kept = True
            if entry.holders > 0 or self._entries.get(entry.key) is not entry:
                continue
            # The other half stays for what is fetched next.
            if table and entry.kept and not entry.ended and self._kept_size + entry.size <= self.size // 2:
                self._keep(entry)
                continue
            entry.cancel()
            self.drop(entry)
        self._admit()

    def drop(self, entry):
        if self._entries.get(entry.key) is not entry:
            return
        self._kept_no_more(entry)
        entry.cancel()
        del self._entries[entry.key]
        del self._paths[entry.path]
        self.used -= entry.size
        try:
            os.unlink(entry.path)
        except OSError:
            pass
        for folder in self._folders_of(entry):
            self._folders[folder] -= 1
            if self._folders[folder] > 0:
                continue
            del self._folders[folder]
            if len(folder) > len(entry.key[0]):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass

    def sweep(self, root):
        """Removes the files below a root that nobody holds: what a killed process has left."""
        removed = 0
        for folder, _, files in os.walk(root):
            for file in files:
                path = os.path.join(folder, file)
                if path in self._paths or (file.startswith(_PARTIAL) and self._is_ours(file)):
                    continue
                try:
                    os.unlink(path)
                    removed += 1
                except OSError:
                    pass
        return removed

    @staticmethod
    def _is_ours(file):
        return file.startswith(f"{_PARTIAL}{os.getpid()}-")

    def partial(self, entry):
        """Where the file is written before it is whole."""
        number = f"{id(entry):x}"
        return os.path.join(os.path.dirname(entry.path), f"{_PARTIAL}{os.getpid()}-{number}")


def _fits(name):
    return all(len(os.fsencode(part)) <= _LONGEST_NAME for part in name.split("/"))


def _key(root, one):
    return (root, one[0], one[2], "parts") if parts.is_table(one) else (root, one[0], one[2])


def _bytes_of(one):
    size = one[1] or 0
    return parts.bytes_of(parts.blocks_of(one[3], size), size) if parts.is_table(one) else size
