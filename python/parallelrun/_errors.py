"""The errors of a job in groups, from `logs/user/error.txt`, which the program keeps while the job runs."""

import os
import re
from typing import Any, Dict, List

_GROUP = re.compile(r"(\d+) x in ([\w ]+?): (.*)")
_TYPE = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?", re.DOTALL)


def grouped(logs: str) -> List[Dict[str, Any]]:
    """`count`, `phase`, `type`, `message`, `first`, `traceback` of each kind, the most frequent first.

    Errors that differ in numbers or file names only are one kind. `traceback` is the first one in full.
    """
    try:
        with open(os.path.join(logs, "user", "error.txt"), encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
    except FileNotFoundError:
        return []
    found: List[Dict[str, Any]] = []
    for line in lines:
        match = _GROUP.fullmatch(line)
        if match:
            kind = _TYPE.fullmatch(match.group(3))
            named = kind.groups() if kind else ("", match.group(3))
            found.append(
                {
                    "count": int(match.group(1)),
                    "phase": match.group(2),
                    "type": named[0] or "",
                    "message": named[1] or "",
                    "first": "",
                    "traceback": "",
                }
            )
        elif found and line.startswith("  first "):
            found[-1]["first"] = line[8:]
        elif found and line.startswith("  tracebacks: logs/"):
            found[-1]["traceback"] = _first_traceback(os.path.join(logs, line[len("  tracebacks: logs/") :]))
    return found


def _first_traceback(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            parts = re.split(r"^--- .*\n", file.read(), maxsplit=2, flags=re.MULTILINE)
    except FileNotFoundError:
        return ""
    # Before the traceback stands the error in one line.
    return parts[1].partition("\n")[2].rstrip() if len(parts) > 1 else ""
