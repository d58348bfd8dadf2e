"""Jobs of ours as a benchmark starts them: a manifest, a launcher, an output directory."""

import json
import os
import subprocess
import sys
from pathlib import Path

from measurement import Finished, fresh, run_command

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("PARALLELRUN_BUILD_DIR", ROOT / "build")) / "bin" / "parallelrun"
ENTRY_SCRIPTS = Path(__file__).resolve().parent / "jobs"
LAUNCHERS = ("embedded", "python")


def _source(where) -> dict:
    return where if isinstance(where, dict) else {"local": {"path": str(where)}}


class OurJob:
    """One input, two worker processes, everything else at its default unless `settings` says otherwise. `source` and
    `output`: a folder, or a source of the manifest."""

    def __init__(
        self, work: Path, entry: str, source, kind: str = "file", format: str = "", output=None, **settings
    ):
        self.folder = work
        self.output = work / "output"
        self.rows = self.output / "parallel_run_step.txt"
        spec = {
            "sourceDirectory": {"local": {"path": str(ENTRY_SCRIPTS)}},
            "entryScript": entry,
            "inputs": [
                {
                    "name": "data",
                    "type": kind,
                    "source": _source(source),
                    **({"format": format} if format else {}),
                }
            ],
            "output": {"source": _source(output or self.output)},
            "nodeCount": 1,
            "processCountPerNode": 2,
            **settings,
        }
        self._manifest = {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": {"name": "benchmark"},
            "spec": spec,
        }

    def run(
        self,
        launcher: str,
        watch_memory: bool = False,
        prefix: Path = Path(sys.prefix),
        program: Path = PROGRAM,
        **more,
    ) -> Finished:
        """The whole command, into an empty output directory, in the virtual environment at `prefix`. `more`: variables."""
        command, env = self._prepared(launcher, prefix, program)
        return run_command(command, self.folder / "log", {**env, **more}, watch_memory)

    def start(self, launcher: str, prefix: Path = Path(sys.prefix), **more) -> subprocess.Popen:
        """The same, which goes on while the caller looks at it."""
        command, env = self._prepared(launcher, prefix)
        with open(self.folder / "log", "wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env={**env, **more})

    def _prepared(self, launcher: str, prefix: Path, program: Path = PROGRAM) -> tuple[list, dict]:
        fresh(self.folder)
        manifest = self.folder / "job.yaml"
        manifest.write_text(json.dumps(self._manifest, indent=1))
        env = {
            **os.environ,
            "PARALLELRUN_LAUNCHER": launcher,
            "PARALLELRUN_RUN_INDEX": "off",  # the same job is measured many times
            "VIRTUAL_ENV": str(prefix),
            "PATH": f"{prefix}/bin:{os.environ['PATH']}",
        }
        return [program, "run", "--quiet", manifest], env
