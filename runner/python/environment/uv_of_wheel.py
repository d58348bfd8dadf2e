"""The program `uv` out of its wheel: uv_of_wheel.py WHEEL PROGRAM. Standard library alone, CPython 3.8 and later."""

import os
import sys
import zipfile

wheel, program = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    inside = [name for name in archive.namelist() if name.endswith(".data/scripts/uv")]
    if not inside:
        sys.exit("%s has no program uv" % wheel)
    with open(program, "wb") as out:
        out.write(archive.read(inside[0]))
os.chmod(program, 0o755)
