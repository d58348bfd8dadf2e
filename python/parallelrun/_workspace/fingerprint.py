"""Whether a step would read today what it read then: code by its content, data by names, sizes and times."""

import hashlib
import os
from typing import Any, Dict, Iterator, Tuple

_NOT_CODE = ("__pycache__", ".git", "node_modules")


def fingerprint(manifest: Dict[str, Any], workspace: str) -> str:
    """Of all files of the source directory, of inputs and of side inputs. What lies in the workspace is no code."""
    spec = manifest["spec"]
    whole = hashlib.sha256()
    for name, path in _files(spec["sourceDirectory"]["local"]["path"], workspace):
        if not name.endswith((".ipynb", ".log")):
            _add(whole, name, _content(path))
    for part in [*spec["inputs"], *spec.get("sideInputs", [])]:
        if "local" not in part["source"]:
            # What a database or a store holds now is not known, so this is the same as no other step.
            _add(whole, part["name"], os.urandom(16))
            continue
        folder = part["source"]["local"]["path"]
        single = os.path.join(folder, part["glob"]) if part.get("glob") else folder
        files = [("", single)] if os.path.isfile(single) else _files(folder, "")
        _add(whole, part["name"], b"")
        for name, path in files:
            try:
                seen = os.stat(path)
                _add(whole, name, f"{seen.st_size} {seen.st_mtime_ns}".encode())
            except OSError:
                _add(whole, name, b"unreadable")
    return whole.hexdigest()


def _files(folder: str, without: str) -> Iterator[Tuple[str, str]]:
    """Names below the folder with their paths, in order. Dot entries are never read, and neither are the logs of a job."""
    for at, folders, names in os.walk(folder, followlinks=True):
        job = os.path.isdir(os.path.join(at, ".parallelrun"))
        folders[:] = sorted(
            each
            for each in folders
            if not each.startswith(".")
            and each not in _NOT_CODE
            and not (job and each == "logs")
            and os.path.join(at, each) != without
            and not os.path.isfile(os.path.join(at, each, "pyvenv.cfg"))
        )
        for name in sorted(names):
            if not name.startswith("."):
                path = os.path.join(at, name)
                yield os.path.relpath(path, folder), path


def _content(path: str) -> bytes:
    found = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                found.update(block)
    except OSError:
        return b"unreadable"
    return found.digest()


def _add(whole: Any, name: str, content: bytes) -> None:
    for each in (os.fsencode(name), content):
        whole.update(len(each).to_bytes(8, "little") + each)
