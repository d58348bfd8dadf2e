"""uv looks only into the virtual environment itself, where pip also counts what lies below it (the base's packages).

    base_packages.py lend SITE_PACKAGES     puts a copy of the description of each package of the base there
    base_packages.py take_back SITE_PACKAGES
        removes those that are left: where uv has put another version in place, it has removed its copy itself

Run by the python3 of the new environment, with -I. Standard library alone, CPython 3.8 and later.
"""

import os
import re
import shutil
import sys
from importlib import metadata

_OURS = "parallelrun"  # in the file INSTALLER
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[A-Za-z0-9.]+)?")


def lend(folder):
    seen = set()
    for distribution in metadata.distributions():
        name, version = distribution.metadata["Name"], distribution.version
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO")
        if not name or not version or not text:
            continue
        name = re.sub(r"[-_.]+", "_", name)
        if name.lower() in seen or not _VERSION.fullmatch(version):
            continue
        seen.add(name.lower())
        place = "%s-%s.dist-info" % (name, version)
        path = os.path.join(folder, place)
        if os.path.exists(path):
            continue
        os.mkdir(path)
        record = "".join("%s/%s,,\n" % (place, file) for file in ("METADATA", "INSTALLER", "RECORD"))
        for file, content in (("METADATA", text), ("INSTALLER", _OURS + "\n"), ("RECORD", record)):
            with open(os.path.join(path, file), "w", encoding="utf-8", errors="surrogateescape") as out:
                out.write(content)


def take_back(folder):
    for entry in os.listdir(folder):
        path = os.path.join(folder, entry)
        if not entry.endswith(".dist-info"):
            continue
        try:
            with open(os.path.join(path, "INSTALLER"), encoding="utf-8") as file:
                ours = file.read().strip() == _OURS
        except (OSError, ValueError):
            continue
        if ours:
            shutil.rmtree(path)


if __name__ == "__main__":
    {"lend": lend, "take_back": take_back}[sys.argv[1]](sys.argv[2])
