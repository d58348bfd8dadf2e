"""The wheel of the programs that are tested, installed into a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

from checkout import BUILD, REPOSITORY


def built_wheel():
    """PARALLELRUN_WHEEL, else the one of this checkout and its programs; it is built if it is older than they are."""
    given = os.environ.get("PARALLELRUN_WHEEL")
    if given:
        return Path(given)
    wheels = list((REPOSITORY / "build" / "wheel").glob("*.whl"))
    if len(wheels) != 1 or wheels[0].stat().st_mtime < newest_part():
        subprocess.run([REPOSITORY / "tools" / "wheel.sh", BUILD / "bin"], cwd=REPOSITORY, check=True)
        wheels = list((REPOSITORY / "build" / "wheel").glob("*.whl"))
    (wheel,) = wheels
    return wheel


def newest_part():
    parts = [path for path in (REPOSITORY / "python").rglob("*") if path.is_file()]
    parts += [path for path in (BUILD / "bin").rglob("*") if path.is_file()]
    parts += [
        REPOSITORY / "CMakeLists.txt",
        REPOSITORY / "docker" / "bundle.sh",
        REPOSITORY / "tools" / "wheel.sh",
    ]
    return max(path.stat().st_mtime for path in parts)


def install(folder):
    """Commands are in folder/bin, the package is in the folder."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", folder, built_wheel()], check=True)
    return folder
