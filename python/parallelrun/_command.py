"""The command `parallelrun`: the program takes this process's place."""

import os
import signal
import sys
from typing import Dict, NoReturn

from parallelrun._bundle_folder import program


def environment() -> Dict[str, str]:
    """Ours, with the Python that runs scripts unless a virtual environment is active: the one we are part of."""
    variables = dict(os.environ)
    if sys.executable:
        variables["PARALLELRUN_DEFAULT_PYTHON"] = sys.executable
    return variables


def main() -> NoReturn:
    # Python ignores these two, and what is ignored stays so in the program and in all that it starts.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    path = program()
    try:
        os.execve(path, [path, *sys.argv[1:]], environment())
    except OSError as error:
        sys.exit(
            f"parallelrun: '{path}' cannot be run: {error.strerror}; it needs Linux and this wheel's "
            "architecture, and a file system without the option noexec. Else install it again: "
            "pip install --force-reinstall parallelrun"
        )
