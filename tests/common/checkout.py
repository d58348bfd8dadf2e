"""Where the project lies, and where it was built."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PARALLELRUN_BUILD_DIR", REPOSITORY / "build"))
PROGRAM = BUILD / "bin" / "parallelrun"
