"""Runs of pipelines in a namespace: each step is a job there, which this program submits when those before it are done."""

import json
import os
from typing import Any, Dict, List, Optional

from parallelrun._cluster import Cluster, Object
from parallelrun._cluster_job import ClusterJob
from parallelrun._job import Job
from parallelrun._stored_output import store_kind
from parallelrun._submit import job_name
from parallelrun._workspace.cluster_names import label_value
from parallelrun._workspace.far_datastore import in_words, is_volume
from parallelrun._workspace.metrics import metrics_in
from parallelrun._workspace.names import unknown
from parallelrun._workspace.output import FarOutputData
from parallelrun._workspace.runs import PipelineRun, StepRun, step_status

# Labels of the jobs, which find them, and the annotation with what labels cannot hold.
_EXPERIMENT = "parallelrun.dev/experiment"
_RUN = "parallelrun.dev/pipeline-run"
_LONGEST_NAME = 32


# The way to files of which only the script knows the names.
BY_A_POD = "fetch them with kubectl cp, by a pod that mounts it"


def download_rows(
    job: Any, spec: Optional[Dict[str, Any]], place: str, folder: str, overwrite: bool = True
) -> int:
    """The file of append_row of a step's job, into `folder`; how many files. One that is there stays, unless `overwrite`.
    `job` and `spec`: None, before it has begun. `place`: its output, in words."""
    if job is None or spec is None:
        raise ValueError("the step has not begun, so it has written nothing")
    if spec.get("outputAction") == "summary_only":
        raise NotImplementedError(
            f"the job '{job.name}' has output_action='summary_only': only its script knows the files, which lie in {place}; {BY_A_POD}"
        )
    target = os.path.join(folder, spec.get("appendRowFileName", "parallel_run_step.txt"))
    if os.path.exists(target):
        if not overwrite:
            return 0
        os.unlink(target)
    os.makedirs(folder, exist_ok=True)
    job.download(target)
    return 1


class ClusterOutputData(FarOutputData):
    """What a finished step wrote: the rows can be fetched; the rest stays where it is."""

    def download(self, local_path: Any, overwrite: bool = False, show_progress: bool = True) -> int:
        """Copies the file of append_row to `local_path`, below its path in the datastore; how many files. It comes through a
        short-lived pod that reads the output."""
        folder = os.path.join(os.fspath(local_path), self.path_on_datastore)
        step = self._step
        return download_rows(step.job, step.manifest.get("spec"), self.folder, folder, overwrite)


class ClusterStepRun(StepRun):
    """A step of a run. `job` is the plain job in the cluster, with results(), failed_items(), errors(), logs()."""

    def _directory(self) -> str:
        place = self.place.datastore.place
        if not is_volume(place) and store_kind(place) is None:
            raise ValueError(
                f"the output of the step '{self.name}' would lie in the datastore '{self.place.datastore.name}' ({in_words(place)}), but "
                "must lie on a volume or in a store; name one: OutputFileDatasetConfig(destination=(datastore, path))"
            )
        return in_words(self.place.source)

    def get_output_data(self, name: Optional[str] = None) -> Any:
        """What it wrote: `.download(folder)`, `.path_on_datastore`."""
        if name is not None and name != self.step.output.name:
            raise ValueError(unknown("output", name, [self.step.output.name]))
        return ClusterOutputData(self.step.output.name, self)

    def get_metrics(self, name: Optional[str] = None) -> Dict[str, Any]:
        """What the script logged with Run, read from the log through a short-lived pod."""
        if self.job is None or "user/metrics.jsonl" not in self.job.logs():
            return {}
        return metrics_in(self.job.logs("user/metrics.jsonl").splitlines(), name)


class ClusterPipelineRun(PipelineRun):
    """A submitted pipeline. Its jobs go on whatever becomes of this program; if that ends, later steps do not begin."""

    def _step_run(self, step: Any) -> StepRun:
        return ClusterStepRun(step, self)

    def _run_step(self, step: StepRun) -> None:
        manifest = step.step.manifest("/nowhere", self.parameters, self.workspace, self._written)
        spec = manifest["spec"]
        spec["output"]["source"] = step.place.source
        earlier = self._earlier_job(step)
        if earlier is not None:
            spec["resubmissionOf"] = earlier
        manifest["metadata"] = self._metadata(step)
        with self._changed:
            if self._cancelled:
                return
            step.manifest = manifest
            job = step.job = ClusterJob(manifest, self.workspace.cluster)
            self._changed.notify_all()
        job.wait()
        step.reused = job.reused_from is not None
        self._register_output(step)

    def _metadata(self, step: StepRun) -> Dict[str, Any]:
        """Names are those of the run, so that no other run has them."""
        suffix = f"{self.id.rpartition('-')[2]}-{self._steps.index(step) + 1}"
        name = job_name(step.name)[: _LONGEST_NAME - len(suffix) - 1].strip("-")
        said = {
            **{"id": self.id, "experiment": self.experiment.name, "step": step.name, "tags": self.tags},
            "parameters": {key: str(value) for key, value in self.parameters.items()},
        }
        return {
            "name": f"{name}-{suffix}",
            "labels": {_EXPERIMENT: label_value(self.experiment.name), _RUN: self.id},
            "annotations": {_RUN: json.dumps(said)},
        }

    def _earlier_job(self, step: StepRun) -> Optional[str]:
        """The job of the run before this one, whose results are taken over where they are good for this one."""
        if self._previous is None:
            return None
        (previous,) = self._previous.find_step_run(step.name)
        if previous.job is None or not previous.manifest:
            return None
        before, now = dict(previous.manifest["spec"]["output"]["source"]), dict(step.place.source)
        if before.pop("subPath", "") == now.pop("subPath", "") or before != now:
            return None  # in the same folder it goes on; from another volume nothing is taken over
        there = self.workspace.cluster.get("ParallelRunJob", previous.job.name)
        # One that was cancelled is gone.
        return previous.job.name if there is not None and "state" in there.get("status", {}) else None

    def _interrupted(self) -> None:
        """Ctrl-C leaves the jobs where they are."""

    def _begins_anew(self, step: StepRun, job: Job) -> bool:
        return False

    def _keep(self) -> None:
        """The jobs are what is kept: records_of() reads them."""


def records_of(cluster: Cluster, experiment: str) -> List[Dict[str, Any]]:
    """The runs of an experiment whose jobs are in the namespace, the newest first."""
    found = _records(cluster, f"{_EXPERIMENT}={label_value(experiment)}")
    return [each for each in found if each["experiment"] == experiment]


def all_records(cluster: Cluster) -> List[Dict[str, Any]]:
    """The same of all experiments."""
    return _records(cluster, _RUN)


def _records(cluster: Cluster, labels: str) -> List[Dict[str, Any]]:
    runs: Dict[str, Dict[str, Any]] = {}
    jobs = cluster.list("ParallelRunJob", labels)
    for job in sorted(jobs, key=lambda each: str(each["metadata"]["creationTimestamp"])):
        try:
            said = json.loads(job["metadata"]["annotations"][_RUN])
            of_run = {key: said[key] for key in ("id", "experiment", "parameters", "tags")}
            step = said["step"]
        except (KeyError, TypeError, ValueError):
            continue  # not ours
        if not all(isinstance(word, str) for word in (of_run["id"], of_run["experiment"], step)):
            continue
        run = runs.setdefault(of_run["id"], {**of_run, "status": "", "steps": []})
        run["steps"].append(_step_record(step, job))
    for run in runs.values():
        run["status"] = _status_of([step["status"] for step in run["steps"]])
    return [runs[key] for key in sorted(runs, reverse=True)]


def _step_record(step: str, job: Object) -> Dict[str, Any]:
    return {
        "name": step,
        "status": step_status(job.get("status", {}).get("state") or "Pending"),
        "job": job["metadata"]["name"],
        "output": in_words(job["spec"]["output"]["source"]),
        "manifest": {key: job[key] for key in ("apiVersion", "kind", "spec") if key in job},
    }


def _status_of(steps: List[str]) -> str:
    for state in ("Failed", "Canceled", "Running", "Queued"):
        if state in steps:
            return state
    return "Finished"
