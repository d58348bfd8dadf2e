"""The command line of this build, at work in a namespace."""

import os
import subprocess
from pathlib import Path

from kubernetes import PATIENCE, REPOSITORY

BUILD = Path(os.environ.get("PARALLELRUN_BUILD_DIR", REPOSITORY / "build"))
PROGRAM = BUILD / "bin" / "parallelrun"


class CommandLine:
    def __init__(self, space, scratch):
        self.space = space
        self.scratch = scratch
        self.environment = {**os.environ, **space.cluster.environment}

    def words(self, *words):
        return [str(PROGRAM), *map(str, words), "-n", self.space.name]

    def run(self, *words, code=0):
        done = subprocess.run(
            self.words(*words), capture_output=True, env=self.environment, timeout=PATIENCE, cwd=self.scratch
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr.decode()}"
        return done

    def text(self, *words, code=0):
        return self.run(*words, code=code).stdout.decode()
