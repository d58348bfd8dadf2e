"""The command `parallelrun`: the program takes this process's place, but for the verbs that are Python."""

import os
import signal
import subprocess
import sys
from typing import Dict, NoReturn

from parallelrun._bundle_folder import program


def environment() -> Dict[str, str]:
    """Ours, with the Python that runs scripts unless a virtual environment is active: the one we are part of."""
    variables = dict(os.environ)
    if sys.executable:
        variables["PARALLELRUN_DEFAULT_PYTHON"] = sys.executable
    return variables


# What kubectl starts for `kubectl parallelrun`.
_PLUGIN = "kubectl-parallelrun"

# Behind the program's own list of verbs.
_MORE_HELP = """Of the Python package:
  convert                     make manifests of Azure ML's pipelines, batch deployments and programs
"""


def main() -> NoReturn:
    if sys.argv[1:2] == ["convert"]:
        from parallelrun._convert.command import main as convert

        sys.exit(convert(sys.argv[2:]))
    # Python ignores these two, and what is ignored stays so in the program and in all that it starts.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    path = program()
    if os.path.basename(sys.argv[0]) == _PLUGIN:
        os.environ["PARALLELRUN_CALLED_AS"] = _PLUGIN
    try:
        if sys.argv[1:] in (["--help"], ["-h"]):
            code = subprocess.run([path, *sys.argv[1:]], env=environment()).returncode
            print(_MORE_HELP, end="", flush=True)
            sys.exit(code)
        os.execve(path, [path, *sys.argv[1:]], environment())
    except OSError as error:
        sys.exit(
            f"parallelrun: '{path}' cannot be run: {error.strerror}; it needs Linux and this wheel's "
            "architecture, and a file system without the option noexec. Else install it again: "
            "pip install --force-reinstall parallelrun"
        )
