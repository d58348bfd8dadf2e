"""Processes of this machine, by /proc."""

import os
from pathlib import Path


def descendants(pid):
    """Pids of all living ones."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        state, parent = _state_and_parent(entry)
        if state not in _ENDED:
            parents[int(entry)] = parent
    found = []
    frontier = [pid]
    while frontier:
        parent = frontier.pop()
        for child, its_parent in parents.items():
            if its_parent == parent:
                found.append(child)
                frontier.append(child)
    return found


def command_line(pid):
    """Empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def lives(pid):
    """A zombie does not."""
    return _state_and_parent(pid)[0] not in _ENDED


_ENDED = ("", "Z")


def _state_and_parent(pid):
    """("", 0) where there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[1])
