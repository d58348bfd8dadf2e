#!/usr/bin/env python3
"""usage: command_help.py [PROGRAM] [--check]: writes docs/command-help.md from what PROGRAM (build/bin/parallelrun) says of itself.

--check writes nothing, and fails if the page says something else.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "command-help.md"
HEAD = """# Help of each verb

What `parallelrun VERB --help` prints. [The command line](command-line.md) explains the verbs. `tools/site/command_help.py` makes this page, and a test compares it with the program.
"""
# A verb of the Python package, which the program does not know.
PYTHON_VERBS = ("convert",)


def printed(command, **variables):
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120", **variables}
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().split("\n"))


def verbs_of(text):
    """Of --help: what stands below "Subcommands:", up to the next heading."""
    below = text.split("\nSubcommands:\n")[1] if "\nSubcommands:\n" in text else ""
    return re.findall(r"^  ([a-z-]+) ", below.split("\n\n")[0], re.MULTILINE)


def help_of(program, *words):
    text = printed([str(program), *words, "--help"])
    yield words, text
    for verb in verbs_of(text):
        yield from help_of(program, *words, verb)


def help_of_python(verb):
    code = f"import sys; from parallelrun._{verb}.command import main; sys.exit(main(['--help']))"
    return printed([sys.executable, "-c", code], PYTHONPATH=str(ROOT / "python"))


def page(program):
    parts = [HEAD]
    entries = list(help_of(program)) + [((verb,), help_of_python(verb)) for verb in PYTHON_VERBS]
    for words, text in entries:
        name = " ".join(("parallelrun", *words))
        parts.append(
            f"## {name}\n\n<!-- checked by: tests/docs/test_command_help.py -->\n```text\n{text}\n```\n"
        )
    return "\n".join(parts)


def main(arguments):
    check = "--check" in arguments
    programs = [word for word in arguments if not word.startswith("--")]
    text = page(Path(programs[0]) if programs else ROOT / "build" / "bin" / "parallelrun")
    if not check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(
        "docs/command-help.md says something else than the program: run tools/site/command_help.py",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
