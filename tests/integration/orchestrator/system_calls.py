"""What a real orchestrator asks of the kernel, and whether it waits for it: kill -9 loses nothing of the page
cache, so a job that never syncs passes every test that only kills."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

LIBRARY = Path(__file__).with_suffix(".c")
JOURNAL, PLAN, OUTPUT, FAILED = (
    ".parallelrun/journal",
    ".parallelrun/plan",
    "parallel_run_step.txt",
    "failed_items.jsonl",
)
# Of a few dozen files. Tokens and seals are hexadecimal: "f13748" in the middle of one is no file's name.
ROW = re.compile(rb"(?<![0-9a-f])f000\d\d")


def compiled(folder):
    library = folder / "system_calls.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", library, LIBRARY, "-ldl", "-lpthread"],
        check=True,
    )
    return library


@dataclass
class Call:
    name: str
    fd: int
    path: str
    other: str
    offset: int
    result: int
    data: bytes


def read_calls(path):
    text, at = path.read_bytes(), 0
    while at < len(text):
        end = text.index(b"\n", at)
        name, fd, one, other, offset, length, result = os.fsdecode(text[at:end]).split("|")
        at = end + 1
        data = text[at : at + int(length)]
        at += int(length) + 1
        yield Call(name, int(fd), one, other, int(offset), int(result), data)


@dataclass
class File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list = field(default_factory=list)  # (offset, bytes or None for a cut)
    syncing: int = 0  # of pending, when the sync began

    def settle(self):
        for offset, data in self.pending[: self.syncing]:
            if data is None:
                del self.durable[offset:]
            else:
                self.durable.extend(bytes(max(0, offset - len(self.durable))))
                self.durable[offset : offset + len(data)] = data
        del self.pending[: self.syncing]
        self.syncing = 0


class Audit:
    """Goes through the calls of one process; `faults` says what came too early."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.faults = []
        self.files = {}
        self.names = set()  # paths whose name is not durable
        self.counts = {}
        self.written = set()  # items in the output or in failed_items.jsonl, durable or not
        self.journaled = set()  # items that were there when a record was written
        self.committed = set()  # and that record is durable
        self.requests = {}  # by descriptor: items of requests that wait for an answer
        self.answered = set()  # items whose report was answered

    def inside(self, path):
        """Below the output directory, without the logs; None for another path."""
        prefix = self.directory + "/"
        if not path.startswith(prefix) or path.startswith(prefix + "logs/"):
            return None
        return path[len(prefix) :].removesuffix(" (deleted)")

    def file(self, path):
        return self.files.setdefault(path, File())

    def dirty(self, path):
        return path in self.files and bool(self.files[path].pending)

    def fault(self, text):
        self.faults.append(text)

    def go(self, calls):
        for call in calls:
            self.counts[call.name] = self.counts.get(call.name, 0) + 1
            getattr(self, "on_" + call.name)(call)
        for path in sorted(self.names):
            self.fault(f"the name {path} is never made durable")
        return self

    def on_create(self, call):
        path = self.inside(call.path)
        if path is not None and path not in self.files and not self.is_passing(path):
            self.names.add(path)
            self.file(path)

    def is_passing(self, path):
        """A file of no lasting name, or one that only says who is at work."""
        name = path.rsplit("/", 1)[-1]
        return ".aside-" in name or name.startswith(("lock", "store-check", "check"))

    def on_write(self, call):
        path = self.inside(call.path)
        if path is None:
            return
        if path == JOURNAL:
            self.on_record()
        if path in (OUTPUT, FAILED):
            self.written |= set(ROW.findall(call.data))
        self.file(path).pending.append((call.offset, call.data))

    def on_record(self):
        for path in (OUTPUT, FAILED):
            if self.dirty(path):
                self.fault(f"a record is written to the journal while {path} is not durable")
        for path in (OUTPUT, FAILED, PLAN):
            if self.written and path in self.names:
                self.fault(f"a record is written to the journal while the name {path} is not durable")
        missing = self.written - set(ROW.findall(bytes(self.file(PLAN).durable)))
        if missing:
            self.fault(
                f"a record is written to the journal while the plan of {sorted(missing)[:3]} is not durable"
            )
        self.journaled |= self.written

    def on_cut(self, call):
        path = self.inside(call.path)
        if path is not None and (path in self.files):
            self.files[path].pending.append((call.offset, None))

    def on_sync(self, call):
        if call.path == self.directory or self.inside(call.path) is not None and os.path.isdir(call.path):
            if call.other == "ends":
                folder = call.path.removeprefix(self.directory).lstrip("/")
                self.names = {path for path in self.names if os.path.dirname(path) != folder}
            return
        path = self.inside(call.path)
        if path is None:
            return
        file = self.file(path)
        if call.other == "begins":
            file.syncing = len(file.pending)
            return
        file.settle()
        if path == JOURNAL:
            self.committed |= self.journaled

    def on_rename(self, call):
        source, target = self.inside(call.path), self.inside(call.other)
        if target is None:
            return
        if self.dirty(source):
            self.fault(f"{target} is put in its place before its content is durable")
        self.files[target] = self.files.pop(source, File())
        self.names.discard(source)
        self.names.add(target)

    def on_remove(self, call):
        path = self.inside(call.path)
        self.files.pop(path, None)
        self.names.discard(path)

    def on_receive(self, call):
        self.requests.setdefault(call.fd, set()).update(ROW.findall(call.data))

    def on_send(self, call):
        rows = self.requests.pop(call.fd, set())
        if not call.data.startswith(b"HTTP/1.1 200"):
            return
        early = rows - self.committed
        if early:
            self.fault(f"the report of {sorted(early)[:3]} is answered before it is durable")
        self.answered |= rows
