"""A job in a cluster, by the verbs of the program: `submit --json` tells how it goes, the others what it left."""

import json
import os
import tempfile
from typing import Any, Dict, List, Optional

from parallelrun._bundle_folder import program
from parallelrun._cluster import Cluster, ClusterError
from parallelrun._command import environment
from parallelrun._job import Job, frame, rows_of


class ClusterJob(Job):
    """What `parallelrun.submit(..., backend="kubernetes")` gives. The job goes on in the cluster whatever becomes of
    this Python. What it left is read through a short-lived pod that reads its output."""

    def __init__(
        self,
        manifest: Dict[str, Any],
        cluster: Cluster,
        scratch: Optional[str] = None,
        submitted: Optional[Dict[str, Any]] = None,
        follow: bool = False,
    ) -> None:
        """`follow`: the cluster has it already."""
        self._cluster = cluster
        self._cancelled = False
        words = (
            ["status", manifest["metadata"]["name"], "-w", "-o", "json"]
            if follow
            else ["submit", "--json", "-"]
        )
        command = [program(), *words, *cluster.words()]
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
        except ClusterError:
            return "Interrupted"

    @property
    def reused_from(self) -> Optional[str]:
        """The name of the earlier job whose results were taken; None: the job runs, or has run."""
        if self.status != "Complete":
            return None
        found = self._cluster.get("ParallelRunJob", self.name) or {}
        name: Optional[str] = found.get("status", {}).get("reuse", {}).get("from")
        return name

    @property
    def taken_over(self) -> Optional[Dict[str, Any]]:
        """What a resubmission has taken over from an earlier job: `from`, `miniBatches`, `items`, and what is left and why
        (`left`, `again`). None: it is no resubmission, or has not begun."""
        with self._changed:
            return (self._finished or self._progress).get("takenOver")

    def resubmit(self, **changed: Any) -> "Job":
        """Submits it again once it has ended, with some settings changed: `job.resubmit(mini_batch_size=20)`.

        The new job has a name and a folder of its own (`name=`, `output=parallelrun.claim(...)` of the same volume; default:
        the next number that is free). Results that are done and still good are taken over (`taken_over`), the rest runs.
        ClusterError: it is refused, because this one has not ended, for instance.
        """
        from parallelrun._resubmit import resubmit_in_cluster

        return resubmit_in_cluster(self.name, self._cluster, changed)

    def cancel(self) -> "Job":
        """Ends the job and deletes it. What is committed stays on the volume; the same job goes on from there."""
        with self._changed:
            # Until the cluster has it there is nothing to end, and it would come afterwards.
            while not (self._finished or self._progress) and self._process.poll() is None:
                self._changed.wait(0.05)
            refused = not (self._finished or self._progress)
        if not refused and not self._finished:
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
                self.download(path)
            return rows_of(self.manifest["spec"], path)

    def download(self, path: str) -> None:
        """Copies the output file to `path`, where nothing may be yet."""
        self._verb("output", "--to", path)

    def failed_items(self) -> Any:
        """The items that failed, one a row: `miniBatch`, `input`, `item`, `tries`, `error`."""
        return frame(json.loads(self._verb("failed", "-o", "json")), "value")

    def _interrupted(self) -> None:
        """Ctrl-C leaves the job where it is."""

    def _verb(self, verb: str, *words: str) -> bytes:
        cluster = self._cluster
        if not cluster.words():
            # A name alone may be that of an output directory of this machine.
            with self._changed:
                cluster = Cluster((self._finished or self._progress).get("namespace"))
        return cluster.call(verb, self.name, *words)
