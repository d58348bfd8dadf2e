"""Files of a workspace that several programs may write: whole or not at all, one writer at a time."""

import contextlib
import fcntl
import os
import tempfile
from typing import Iterator


def write_whole(path: str, text: str) -> None:
    """The file has the old or the new text, also after a crash."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    number, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # its folder is gone; the first error says so
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Waits until no other program writes below the folder."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
