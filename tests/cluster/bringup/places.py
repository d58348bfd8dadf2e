"""Where things lie. Everything that is built or kept lies in the cache, outside the checkout."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .commands import say
from .failure import Failure

SOURCE = Path(__file__).resolve().parent.parent
MODULES = SOURCE / "modules"
NODE = SOURCE / "node"
CLUSTER_NAME = "parallelrun"


def cache() -> Path:
    """PARALLELRUN_CACHE, else the user's cache folder; `cluster` below it is ours."""
    chosen = os.environ.get("PARALLELRUN_CACHE")
    if not chosen:
        chosen = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parallelrun")
    folder = Path(chosen) / "cluster"
    if not folder.is_absolute():
        raise Failure(f"PARALLELRUN_CACHE is {chosen!r}: give an absolute path")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def engine_data() -> Path:
    return cache() / "engine"


def engine_run() -> Path:
    """Sockets and pid files of the engine: short (a socket's path has 107 letters), emptied by a reboot."""
    digest = hashlib.sha256(str(cache()).encode()).hexdigest()[:8]
    return Path("/run/parallelrun") / digest


def cluster_state(name: str) -> Path:
    return cache() / "clusters" / name


def mounts_below(folder: Path) -> list[str]:
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [mount for mount in mounts if mount.startswith(f"{folder}/")]


def remove_tree(folder: Path) -> None:
    """Removes a folder of ours, but never through a mount: what is mounted there may be anything."""
    mounts = mounts_below(folder)
    if mounts:
        raise Failure(f"{' and '.join(mounts)} is mounted below {folder}: unmount it, then try again")
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def only_one(what: str) -> Iterator[None]:
    """One builder, one engine starter, one creator of clusters at a time in this cache; the others wait."""
    with (cache() / f"{what}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run of this program ({what})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
