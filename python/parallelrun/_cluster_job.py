"""A job in a cluster, by the verbs of the program: `submit --json` tells how it goes, the others what it left."""

import json
import os
import subprocess
import tempfile
from typing import Any, Dict, List, Optional

from parallelrun._bundle_folder import program
from parallelrun._command import environment
from parallelrun._job import Job, frame, rows_of


class ClusterJob(Job):
    """What `parallelrun.submit(..., backend="kubernetes")` gives. The job goes on in the cluster whatever becomes of
    this Python. What it left is read through a short-lived pod that mounts its output."""

    def __init__(
        self,
        manifest: Dict[str, Any],
        cluster: List[str],
        scratch: Optional[str] = None,
        submitted: Optional[Dict[str, Any]] = None,
    ) -> None:
        self._cluster = cluster  # options of the program
        self._cancelled = False
        command = [program(), "submit", "--json", "-", *cluster]
        super().__init__(command, manifest, environment(), scratch, submitted)

    def __repr__(self) -> str:
        return f"<parallelrun.Job {self.name}: {self.status}, in a cluster>"

    @property
    def status(self) -> str:
        """Pending, Running, Suspended, Complete, Failed, Interrupted (cancelled), or Invalid: it was refused."""
        with self._changed:
            code = self._process.poll()
            told = self._finished or self._progress
            if self._cancelled:
                return "Interrupted"
            if self._finished or (code is None and told):
                return str(told["state"])
            if code is None:
                return "Pending"
            if not told:
                return "Invalid" if code == 2 else "Failed"
        # Who followed it has left; the job is asked.
        try:
            return str(json.loads(self._verb("status", "-o", "json"))["state"])
        except RuntimeError:
            return "Interrupted"

    def cancel(self) -> "Job":
        """Ends the job and deletes it. What is committed stays on the volume; the same job goes on from there."""
        if not self._finished:
            self._verb("cancel", "--yes")
            self._cancelled = True
        self._process.wait()
        return self

    def logs(self, name: Optional[str] = None) -> Any:
        """The names of the log files, or the text of one: `job.logs("user/error.txt")`."""
        if name is not None:
            return self._verb("logs", "--", name).decode("utf-8", "replace")
        lines = self._verb("logs").decode("utf-8", "replace").splitlines()[1:]
        return [line.split("  ", 1)[1].strip() for line in lines]

    def errors(self) -> List[Dict[str, Any]]:
        """As of a job on this machine, with `last`, `where` and `what` besides."""
        found: List[Dict[str, Any]] = json.loads(self._verb("errors", "-o", "json"))["errors"]
        return found

    def results(self) -> Any:
        """As of a job on this machine: the whole output is fetched."""
        with tempfile.TemporaryDirectory(prefix="parallelrun-") as folder:
            path = os.path.join(folder, "output")
            if self.manifest["spec"].get("outputAction") != "summary_only":
                self._verb("output", "--to", path)
            return rows_of(self.manifest["spec"], path)

    def failed_items(self) -> Any:
        """The items that failed, one a row: `miniBatch`, `input`, `item`, `tries`, `error`."""
        return frame(json.loads(self._verb("failed", "-o", "json")), "value")

    def _interrupted(self) -> None:
        """Ctrl-C leaves the job where it is."""

    def _verb(self, verb: str, *words: str) -> bytes:
        command = [program(), verb, self.name, *self._cluster, *words]
        done = subprocess.run(command, capture_output=True, env=environment())
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode("utf-8", "replace").strip())
        return done.stdout
