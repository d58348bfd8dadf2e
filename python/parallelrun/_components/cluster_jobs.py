"""Jobs of a namespace as the SDK v2 names them: a pipeline is a run, whose steps are jobs of the cluster."""

from typing import Any, List, Mapping, Optional

from parallelrun._cluster import Cluster
from parallelrun._cluster_job import ClusterJob
from parallelrun._workspace.cluster_runs import all_records, download_rows

_WORDS = {"Finished": "Completed"}


def in_words_of_v2(status: str) -> str:
    """NotStarted, Running, Completed, Failed or Canceled."""
    return _WORDS.get(status, status)


class FoundJob:
    """One that another program has submitted, as its jobs in the namespace tell it. If that program has ended, steps behind
    the last one that is there do not begin."""

    def __init__(self, cluster: Cluster, record: Mapping[str, Any]) -> None:
        self._cluster, self._record = cluster, record
        self.name: str = record["id"]
        self.experiment_name: str = record["experiment"]

    @property
    def status(self) -> str:
        """As it was when it was found."""
        return in_words_of_v2(self._record["status"])

    def wait(self) -> None:
        for each in self._jobs():
            each.wait(show_output=True)

    def cancel(self) -> None:
        for each in self._jobs():
            each.cancel()

    def download(self, folder: str, output_name: Optional[str]) -> None:
        if output_name is not None:
            raise NotImplementedError(
                f"the job '{self.name}' is of another program, which alone knows the names of its outputs; without output_name the "
                "rows of its last step are fetched"
            )
        last = self._record["steps"][-1]
        download_rows(self._jobs()[-1], last["manifest"]["spec"], last["output"], folder)

    def _jobs(self) -> List[ClusterJob]:
        return [
            ClusterJob({**step["manifest"], "metadata": {"name": step["job"]}}, self._cluster, follow=True)
            for step in self._record["steps"]
        ]

    def __repr__(self) -> str:
        return f"<Job {self.name}: {self.status}>"


def found_jobs(cluster: Cluster) -> List[FoundJob]:
    """The runs whose jobs are in the namespace, the newest first."""
    return [FoundJob(cluster, each) for each in all_records(cluster)]
