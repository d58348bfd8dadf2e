"""Runs `plan_dump`, which prints what the planner makes of real files."""

import json
import os
import subprocess

import pytest
from checkout import BUILD


class PlanDump:
    def __init__(self, program):
        self.program = program

    def lines(self, *arguments):
        done = subprocess.run(
            [self.program, *map(os.fspath, map(_text, arguments))], capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def slices(self, verb, size, paths, delimiter=",", encoding="utf-8"):
        found = self.lines(verb, size, delimiter, encoding, *paths)
        for piece in found:
            piece["path"] = os.fsdecode(bytes.fromhex(piece["path"]))
            piece["header"] = bytes.fromhex(piece["header"])
        return found

    def walk(self, root, *more):
        return [os.fsdecode(bytes.fromhex(name)) for name in self.lines("walk", root, *more)]


def _text(argument):
    return str(argument) if isinstance(argument, int) else argument


@pytest.fixture(scope="session")
def plan_dump():
    program = BUILD / "tests" / "plan_dump"
    if not program.exists():
        pytest.fail(f"{program} is missing: build the target plan_dump, or set PARALLELRUN_BUILD_DIR")
    return PlanDump(program)
