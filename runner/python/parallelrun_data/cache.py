"""The files of fetched objects: bounded, whole or not there, dropped when nobody holds them. One event loop."""

import asyncio
import errno
import hashlib
import os
from collections import deque

from parallelrun_data.troubles import DISK, TOO_LARGE, Trouble

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


class Entry:
    """One object as a file. `task` brings it."""

    def __init__(self, key, path, size):
        self.key = key
        self.path = path
        self.size = size
        self.holders = 0
        self.task = None


class Cache:
    def __init__(self, folder, size):
        self.folder = folder
        self.size = size
        self.used = 0
        self.most = 0
        self._entries = {}  # (root, name, version) -> Entry
        self._paths = {}  # absolute path -> Entry
        self._folders = {}  # absolute folder -> entries that need it to be one
        self._waiting = deque()

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

    async def reserve(self, root, objects):
        """Holds an entry for each (name, size, version); waits, in the order of the calls, until there is space for the
        new ones. Cancelled: nothing is held."""
        wanted = sum(size or 0 for _, size, _ in objects)
        if wanted > self.size:
            raise Trouble(
                TOO_LARGE,
                f"the objects of the mini-batch have {in_words(wanted)}, more than the cache may hold "
                f"({in_words(self.size)}); set PARALLELRUN_CACHE_SIZE to more (on a cluster worker.dataProcess.cacheSize), "
                "or a smaller miniBatchSize",
            )
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
            new = sum(
                size or 0 for name, size, version in objects if (root, name, version) not in self._entries
            )
            if self.used + new > self.size:
                return
            self._waiting.popleft()
            turn.set_result([self._hold(root, *one) for one in objects])

    def _hold(self, root, name, size, version):
        key = (root, name, version)
        entry = self._entries.get(key)
        if entry is None:
            entry = Entry(key, self._place(root, name, version), size or 0)
            self._take(entry)
        entry.holders += 1
        return entry

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
        parts = name.split("/")
        fits = all(len(os.fsencode(part)) <= _LONGEST_NAME for part in parts)
        above = [os.path.join(root, *parts[:count]) for count in range(1, len(parts))]
        if (
            fits
            and path not in self._paths
            and path not in self._folders
            and not any(a in self._paths for a in above)
        ):
            return path
        digest = hashlib.sha256(f"{name}\0{version}".encode("utf-8", "surrogateescape")).hexdigest()[:24]
        last = os.fsencode(parts[-1])[-200:].decode("utf-8", "ignore")
        return os.path.join(root, ".other", digest, last or "object")

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
                size = os.stat(absolute).st_size
            except OSError:
                size = 0
            entry = Entry((root, path, None), absolute, size)
            self._take(entry)
        entry.holders += 1
        return entry

    def release(self, entries):
        for entry in entries:
            entry.holders -= 1
            if entry.holders > 0:
                continue
            if entry.task is not None and not entry.task.done():
                entry.task.cancel()
            self.drop(entry)
        self._admit()

    def drop(self, entry):
        if self._entries.get(entry.key) is not entry:
            return
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
