"""usage: ten_files.py FOLDER OUT: what a user would write at first, with the functions of jobs/ten_entry.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "jobs"))

import ten_entry  # noqa: E402

ten_entry.init()
paths = sorted(Path(sys.argv[1]).iterdir())
Path(sys.argv[2]).write_text("".join(row + "\n" for row in ten_entry.run(paths)))
