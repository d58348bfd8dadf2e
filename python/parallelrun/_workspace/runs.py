"""Runs of pipelines on this machine: a thread starts the jobs of the steps, one after the other."""

import datetime
import os
import secrets
import sys
import threading
import time
from typing import Any, Dict, List, Optional

from parallelrun._job import REFUSED, Job, JobError
from parallelrun._stored_output import address
from parallelrun._submit import start
from parallelrun._workspace import run_records
from parallelrun._workspace.dataset import FileDataset
from parallelrun._workspace.fingerprint import fingerprint
from parallelrun._workspace.metrics import metrics
from parallelrun._workspace.names import unknown
from parallelrun._workspace.output import OutputData, OutputFileDatasetConfig, StoredOutputData
from parallelrun._workspace.store_datastore import StoreDatastore, credentials_for

# Of states of jobs, also those of a cluster; others: Failed.
_WORDS = {
    **{"Complete": "Finished", "Interrupted": "Canceled", "Running": "Running"},
    **{"Pending": "Queued", "Suspended": "Queued"},
}


def step_status(state: str) -> str:
    """Azure's word for the state of a job."""
    return _WORDS.get(state, "Failed")


class Run:
    """What PipelineRun and StepRun have in common."""

    id = ""

    def get_status(self) -> str:
        """NotStarted, Running, Finished, Failed or Canceled; of a cluster also Queued."""
        raise NotImplementedError

    @property
    def status(self) -> str:
        return self.get_status()

    @staticmethod
    def get_context(*_: Any, **__: Any) -> Any:
        raise RuntimeError(
            "Run.get_context() works in entry scripts only, which import it as 'from azureml.core import Run'"
        )


class StepRun(Run):
    """A step of a run. `job` is the plain parallelrun.Job, with results(), failed_items(), errors(), logs()."""

    def __init__(self, step: Any, run: "PipelineRun") -> None:
        self.step = step
        self.name: str = step.name
        self.id = f"{run.id}/{step.name}"
        self.job: Optional[Job] = None
        self.reused = False
        self.problem: Optional[BaseException] = None
        self._run = run
        self.place = step.output.place(run.workspace, self.id)
        self.output_directory: str = self._directory()
        self.manifest: Dict[str, Any] = {}
        self.fingerprint = ""

    @property
    def in_store(self) -> bool:
        """Whether it writes into a store, from this machine."""
        return isinstance(self.place.datastore, StoreDatastore)

    def _directory(self) -> str:
        return address(self.place.source) if self.in_store else str(self.place.local_path)

    def get_status(self) -> str:
        if self.problem is not None:
            return "Failed"
        if self.job is None:
            return "Canceled" if self._run._cancelled else "NotStarted"
        return step_status(self.job.status)

    def get_output_data(self, name: Optional[str] = None) -> Any:
        """What it wrote: `.download(folder)`, `.path_on_datastore`."""
        if name is not None and name != self.step.output.name:
            raise ValueError(unknown("output", name, [self.step.output.name]))
        if self.in_store:
            return StoredOutputData(self.step.output.name, self)
        return OutputData(self.step.output.name, self.place, self.output_directory)

    def get_metrics(self, name: Optional[str] = None) -> Dict[str, Any]:
        """What the script logged with Run: by name the value, or a list of those of several calls, of all processes."""
        if self.in_store and self.job is not None:
            with self.job._files("logs/user/metrics.jsonl") as output:
                return metrics(os.path.join(output, "logs", "user", "metrics.jsonl"), name)
        return metrics(os.path.join(self.output_directory, "logs", "user", "metrics.jsonl"), name)

    def wait_for_completion(self, show_output: bool = True, **_: Any) -> str:
        self._run._wait_for(self, show_output, None)
        return self.get_status()

    def __repr__(self) -> str:
        return f"<StepRun {self.name}: {self.get_status()}, output {self.output_directory}>"


class PipelineRun(Run):
    """A submitted pipeline. It runs in this program: if that ends, the job of the step that runs goes on, and later steps
    do not begin."""

    def __init__(
        self,
        experiment: Any,
        pipeline: Any,
        parameters: Dict[str, Any],
        tags: Dict[str, str],
        previous: Optional["PipelineRun"] = None,
    ) -> None:
        self.experiment = experiment
        self.workspace = pipeline.workspace
        self.pipeline = pipeline
        self.parameters = parameters
        self.tags = tags
        now = datetime.datetime.now(datetime.timezone.utc)
        self.id = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"
        self._previous = previous
        self._cancelled = False
        self._changed = threading.Condition()
        self._steps: List[StepRun] = [self._step_run(step) for step in pipeline.steps]
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._keep()
        self._thread.start()

    def _step_run(self, step: Any) -> StepRun:
        return StepRun(step, self)

    # --- how it goes ---

    def get_status(self) -> str:
        states = [step.get_status() for step in self._steps]
        for state in ("Failed", "Canceled"):
            if state in states:
                return state
        if all(state == "Finished" for state in states):
            return "Finished"
        return "Running" if self._thread.is_alive() else "NotStarted"

    def wait_for_completion(
        self, show_output: bool = True, timeout_seconds: float = sys.maxsize, raise_on_error: bool = True
    ) -> str:
        """Waits for the end, and shows the progress. JobError: a step failed, unless `raise_on_error` is false.
        TimeoutError: it goes on. Ctrl-C cancels it."""
        deadline = time.monotonic() + timeout_seconds
        for step in self._steps:
            try:
                self._wait_for(step, show_output, deadline)
            except TimeoutError:
                raise
            except Exception as error:
                self._thread.join()  # until the record of the run is written; no step follows
                if raise_on_error or not isinstance(error, JobError):
                    raise
                break
        self._thread.join()
        return self.get_status()

    def get_steps(self) -> List[StepRun]:
        return list(self._steps)

    def find_step_run(self, name: str) -> List[StepRun]:
        found = [step for step in self._steps if step.name == name]
        if not found:
            raise ValueError(unknown("step", name, [step.name for step in self._steps]))
        return found

    def get_details(self) -> Dict[str, Any]:
        return self._record()

    def cancel(self) -> None:
        """Stops it. What is committed stays."""
        with self._changed:
            self._cancelled = True
            jobs = [step.job for step in self._steps if step.job is not None]
        for job in jobs:
            if step_status(job.status) in ("Running", "Queued"):
                job.cancel()
        self._thread.join()

    def resubmit(self, pipeline_parameters: Optional[Dict[str, Any]] = None) -> "PipelineRun":
        """The same pipeline again, with some parameters changed. A step that is the same job goes on in its output
        directory (after success it has nothing to do); one that is another job gets a new one."""
        known = self.pipeline.parameters()
        for name in pipeline_parameters or {}:
            if name not in known:
                raise ValueError(unknown("pipeline parameter", name, known))
        if self._thread.is_alive():
            raise RuntimeError(f"the run {self.id} is not at its end yet; wait for it, or cancel() it first")
        parameters = {**self.parameters, **(pipeline_parameters or {})}
        return type(self)(self.experiment, self.pipeline, parameters, self.tags, self)

    def __repr__(self) -> str:
        return f"<PipelineRun {self.id}: {self.get_status()}>"

    # --- its thread ---

    def _go(self) -> None:
        for step in self._steps:
            try:
                self._run_step(step)
            except JobError:
                break
            except BaseException as error:
                with self._changed:
                    step.problem = error
                    self._changed.notify_all()
                break
            finally:
                self._keep()
            if self._cancelled:
                break
        with self._changed:
            self._changed.notify_all()

    def _run_step(self, step: StepRun) -> None:
        fresh = step.output_directory
        manifest = step.step.manifest(fresh, self.parameters, self.workspace, self._written)
        if step.in_store:
            manifest["spec"]["output"]["source"] = step.place.source
        step.fingerprint = fingerprint(manifest, self.workspace.folder)
        keys = credentials_for(self.workspace, manifest)
        before = self._earlier(step, manifest) if not (step.step.output.is_fixed or step.in_store) else None
        # The runner knows whether it is the same job. If it is not, it refuses that directory, and nothing is lost.
        for directory in [before, fresh] if before else [fresh]:
            if not step.in_store:
                manifest["spec"]["output"]["source"]["local"]["path"] = directory
            with self._changed:
                if self._cancelled:
                    return
                step.manifest, step.output_directory = manifest, directory
                job = step.job = start(manifest, credentials=keys)
                self._changed.notify_all()
            self._keep()
            try:
                job.wait()
                break
            except JobError:
                if job.exit_code != REFUSED or directory == fresh:
                    raise
        step.reused = step.output_directory != fresh
        self._register_output(step)

    def _register_output(self, step: StepRun) -> None:
        for registration in step.step.output.registrations:
            settings = dict(registration)
            glob = settings.pop("glob")
            part = self._written(step.step.output)
            FileDataset([{**part, "glob": glob} if glob else part]).register(
                self.workspace, create_new_version=True, **settings
            )

    def _earlier(self, step: StepRun, manifest: Dict[str, Any]) -> Optional[str]:
        """An output directory that this step may go on in, or whose result it may use."""
        if self._previous is not None:
            (previous,) = self._previous.find_step_run(step.name)
            if previous.job is not None:
                return previous.output_directory
        return (
            run_records.reusable(self.workspace.folder, manifest, step.fingerprint)
            if step.step.allow_reuse
            else None
        )

    def _written(self, output: OutputFileDatasetConfig) -> Dict[str, Any]:
        """What the step of this output wrote: the file of append_row, or the directory."""
        (step,) = [step for step in self._steps if step.step.output is output]
        spec = step.manifest["spec"]
        source = spec["output"]["source"]
        if spec.get("outputAction") == "summary_only":
            return {"source": source}
        return {"source": source, "glob": spec.get("appendRowFileName", "parallel_run_step.txt")}

    # --- its callers ---

    def _wait_for(self, step: StepRun, show_output: bool, deadline: Optional[float]) -> None:
        seen: Optional[Job] = None
        try:
            while True:
                with self._changed:
                    job = step.job
                    if step.problem is not None:
                        raise step.problem
                    if job is None or job is seen:
                        if not self._thread.is_alive() or (
                            seen is not None and step.get_status() == "Finished"
                        ):
                            break
                        self._changed.wait(0.05)
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(f"the run {self.id} is not at its end yet")
                if job is None or job is seen:
                    continue
                seen = job
                try:
                    # More than a thread can wait for: no limit.
                    job.wait(show_output=show_output, timeout=left if left and left < 1e9 else None)
                except JobError:
                    # Refused in an earlier directory, it begins in its own.
                    if not self._begins_anew(step, job):
                        raise
        except KeyboardInterrupt:
            self._interrupted()
            raise

    def _begins_anew(self, step: StepRun, job: Job) -> bool:
        return (
            not step.in_store and job.exit_code == REFUSED and job.output_directory != step.place.local_path
        )

    def _interrupted(self) -> None:
        self.cancel()

    def _record(self) -> Dict[str, Any]:
        return {
            "id": self.id,
            "experiment": self.experiment.name,
            "status": self.get_status(),
            "parameters": {name: str(value) for name, value in self.parameters.items()},
            "tags": self.tags,
            "steps": [
                {
                    "name": step.name,
                    "status": step.get_status(),
                    "output": step.output_directory,
                    "manifest": step.manifest,
                    "fingerprint": step.fingerprint,
                }
                for step in self._steps
                if step.manifest
            ],
        }

    def _keep(self) -> None:
        run_records.keep(self.workspace.folder, self._record())
