"""What a conversion says besides its manifests: what was not carried over, what is otherwise now, what to do."""

import os
from typing import Any, Dict, List, NamedTuple, Tuple


class Remark(NamedTuple):
    """`line`: in the file, from 1."""

    file: str
    line: int
    what: str
    said: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


class Report:
    """Of one file that is converted, and those that it names."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.left: List[Remark] = []  # was not carried over
        self.notes: List[Remark] = []  # was, and is otherwise now
        self.datasets: Dict[str, Any] = {}  # Registered, by name

    def leave(self, line: int, what: str, reason: str) -> None:
        self._add(self.left, line, what, reason)

    def note(self, line: int, what: str, said: str) -> None:
        self._add(self.notes, line, what, said)

    def of(self, file: str) -> "Report":
        """The same report, for the lines of another file."""
        other = Report(file)
        other.left, other.notes, other.datasets = self.left, self.notes, self.datasets
        return other

    def _add(self, to: List[Remark], line: int, what: str, said: str) -> None:
        remark = Remark(self.file, line, what, said)
        if remark not in to:
            to.append(remark)


class Converted(NamedTuple):
    """One manifest. Paths in it are absolute until it is written. `options`: name directories that the file did not name
    as folders of this machine. `commands`: to be run before; `afterwards`: when the job has ended, on this machine and in a
    cluster."""

    name: str
    manifest: Dict[str, Any]
    options: List[str]
    commands: List[str]
    afterwards: List[Tuple[str, str]]


class NotConvertible(ValueError):
    """The file has no job that could be converted; the message says why."""


def shown(path: str) -> str:
    """A path as short as it is from here."""
    here = os.path.relpath(path)
    return path if here.startswith("..") else here
