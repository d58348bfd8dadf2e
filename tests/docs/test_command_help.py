"""docs/command-help.md is what the built program says of itself."""

import subprocess
import sys

from checkout import PROGRAM, REPOSITORY


def test_the_page_is_made_from_this_program():
    tool = REPOSITORY / "tools" / "site" / "command_help.py"
    done = subprocess.run([sys.executable, tool, PROGRAM, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
