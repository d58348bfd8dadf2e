"""What every peer of the dispatch benchmark shares: the files in the order that we promise, and the rows."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jobs"))


def sorted_files(folder):
    """All files below a folder, in order of their path components."""
    with os.scandir(folder) as entries:
        is_folder = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
    for name in sorted(is_folder):
        path = folder + "/" + name
        if is_folder[name]:
            yield from sorted_files(path)
        else:
            yield path


def groups(folder, size=10):
    files = list(sorted_files(folder))
    return [files[start : start + size] for start in range(0, len(files), size)]


def write_rows(results, path):
    with open(path, "w") as out:
        for rows in results:
            out.write("".join(f"{row}\n" for row in rows))
