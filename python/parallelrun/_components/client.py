"""MLClient over a workspace, and pipelines as functions."""

import functools
import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

from parallelrun._components.cluster_jobs import FoundJob, found_jobs, in_words_of_v2
from parallelrun._components.component import Component, Node, NodeOutput, open_pipelines
from parallelrun._components.data import DataOperations
from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.cluster_runs import BY_A_POD, download_rows
from parallelrun._workspace.names import unknown
from parallelrun._workspace.pipeline import Experiment, Pipeline
from parallelrun._workspace.runs import PipelineRun, StepRun
from parallelrun._workspace.workspace import Workspace


class PipelineJob:
    """What a function with @pipeline gives: its nodes, and which outputs are its own."""

    def __init__(self, name: str, nodes: List[Node], outputs: Mapping[str, NodeOutput]) -> None:
        self.display_name = name
        self.nodes = nodes
        self.outputs = dict(outputs)
        self.settings = _Settings()
        self.compute: Optional[str] = None
        self.experiment_name: Optional[str] = None


class _Settings:
    """`job.settings.default_compute = "cpu"`: taken, and without effect."""


def pipeline(*args: Any, **_: Any) -> Any:
    """A function whose body calls components. It is called once, with the inputs that it gets."""

    def decorate(function: Callable[..., Any]) -> Callable[..., PipelineJob]:
        @functools.wraps(function)
        def make(*values: Any, **named: Any) -> PipelineJob:
            nodes: List[Node] = []
            open_pipelines.append(nodes)
            try:
                outputs = function(*values, **named)
            finally:
                open_pipelines.pop()
            if not nodes:
                raise ValueError(
                    f"{function.__name__}() calls no parallel component, so there is nothing to run"
                )
            return PipelineJob(function.__name__, nodes, outputs or {})

        return make

    return decorate(args[0]) if args and callable(args[0]) else decorate


class Job:
    """A submitted job. `run` is its PipelineRun, with steps and plain jobs."""

    def __init__(self, run: PipelineRun, outputs: Mapping[str, NodeOutput]) -> None:
        self.run = run
        self.name = run.id
        self.experiment_name = run.experiment.name
        self._outputs = dict(outputs)

    @property
    def status(self) -> str:
        """NotStarted, Running, Completed, Failed or Canceled."""
        return in_words_of_v2(self.run.get_status())

    def folder_of(self, output_name: Optional[str] = None) -> str:
        """Where an output lies; without a name, that of the last step."""
        step, output = self._written(output_name)
        below = "" if output is None or output is output.node.output else output.name
        return os.path.join(step.output_directory, below).rstrip("/")

    def _written(self, output_name: Optional[str]) -> Tuple[StepRun, Optional[NodeOutput]]:
        """An output, and the step that writes it."""
        steps = self.run.get_steps()
        if output_name is None:
            return steps[-1], None
        if output_name not in self._outputs:
            raise ValueError(unknown("output", output_name, self._outputs))
        output = self._outputs[output_name]
        (step,) = [step for step in steps if step.step is output.node]
        return step, output

    def wait(self) -> None:
        self.run.wait_for_completion(show_output=True)

    def cancel(self) -> None:
        self.run.cancel()

    def download(self, folder: str, output_name: Optional[str]) -> None:
        from parallelrun._workspace.datastore import copy_tree

        if self.run.workspace.cluster is None:
            place = self.folder_of(output_name)
            copy_tree(place, place, folder, overwrite=True)
            return
        step, output = self._written(output_name)
        if output is not None and output is not output.node.output:
            raise NotImplementedError(
                f"the output '{output_name}' of {self.name} has files that only the script knows, in {self.folder_of(output_name)}; "
                f"{BY_A_POD}"
            )
        download_rows(step.job, step.manifest.get("spec"), step.output_directory, folder)

    def __repr__(self) -> str:
        return f"<Job {self.name}: {self.status}>"


class _Jobs:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: Dict[str, Job] = {}

    def create_or_update(
        self, job: Any, *, experiment_name: Optional[str] = None, compute: Any = None, **_: Any
    ) -> Job:
        """Starts a pipeline, a node or a component, and comes back at once."""
        if isinstance(job, Component):
            job = job()
        if isinstance(job, Node):
            nodes, outputs = [job], {name: job.outputs[name] for name in job.outputs}
        elif isinstance(job, PipelineJob):
            nodes, outputs = job.nodes, job.outputs
        else:
            raise TypeError(
                f"the job is {type(job).__name__}, but only parallel_run_function(...) and pipelines of them run here"
            )
        target = (
            compute
            or getattr(job, "compute", None)
            or getattr(getattr(job, "settings", None), "default_compute", None)
        )
        if target:
            here = self._workspace.cluster is None
            accepted(
                f"compute '{target}'",
                "it stands for this machine; instance_count agents are started here"
                if here
                else "it stands for the cluster; instance_count pods are started there",
            )
        for node in nodes:
            node.say_what_is_not_used(self._workspace, 3)
        name = experiment_name or getattr(job, "experiment_name", None) or "default"
        run = Experiment(self._workspace, name).submit(Pipeline(self._workspace, nodes))
        made = Job(run, outputs)
        self._known[made.name] = made
        return made

    def get(self, name: str) -> Union[Job, FoundJob]:
        """One of this program, or of a namespace any whose jobs are there."""
        if name in self._known:
            return self._known[name]
        if self._workspace.cluster is None:
            raise ValueError(unknown("job of this program", name, self._known))
        found = {each.name: each for each in found_jobs(self._workspace.cluster)}
        if name not in found:
            raise ValueError(unknown("job", name, found) + f" in {self._workspace.cluster}")
        return found[name]

    def stream(self, name: str) -> None:
        """Waits for the end and shows the progress. JobError: it failed."""
        self.get(name).wait()

    def cancel(self, name: str) -> None:
        self.get(name).cancel()

    def list(self, **_: Any) -> List[Union[Job, FoundJob]]:
        """Those of this program, or of the namespace; the newest first."""
        if self._workspace.cluster is None:
            return list(reversed(self._known.values()))
        all_known: Dict[str, Union[Job, FoundJob]] = {
            each.name: each for each in found_jobs(self._workspace.cluster)
        }
        all_known.update(self._known)
        return [all_known[name] for name in sorted(all_known, reverse=True)]

    def download(
        self, name: str, *, download_path: Any = ".", output_name: Optional[str] = None, all: bool = False
    ) -> None:
        """Copies an output into `download_path`; of a namespace the file of rows, through a short-lived pod."""
        self.get(name).download(os.fspath(download_path), output_name)


class MLClient:
    """`folder=` names the workspace, or `namespace=` one of a cluster, with `context` and `kubeconfig` as for kubectl; else it
    is the folder of `workspace_name` (docs/migration.md). Credentials are not used: as whom, the kubeconfig says."""

    def __init__(
        self,
        credential: Any = None,
        subscription_id: Optional[str] = None,
        resource_group_name: Optional[str] = None,
        workspace_name: Optional[str] = None,
        *,
        folder: Any = None,
        namespace: Optional[str] = None,
        context: Optional[str] = None,
        kubeconfig: Any = None,
        **_: Any,
    ) -> None:
        if credential is not None:
            accepted(
                f"the credential {type(credential).__name__}",
                "it is not used, because the workspace is a folder of this machine"
                if namespace is None
                else "it is not used; the kubeconfig says as whom the namespace is opened",
            )
        self.workspace = Workspace(
            subscription_id,
            resource_group_name,
            workspace_name,
            folder=folder,
            namespace=namespace,
            context=context,
            kubeconfig=kubeconfig,
        )
        self.jobs = _Jobs(self.workspace)
        self.data = DataOperations(self.workspace)

    @classmethod
    def from_config(cls, credential: Any = None, *, path: Any = None, **_: Any) -> "MLClient":
        workspace = Workspace.from_config(path)
        if workspace.cluster is None:
            return cls(credential, folder=workspace.folder)
        cluster = workspace.cluster
        return cls(
            credential,
            namespace=cluster.namespace,
            context=cluster.context,
            kubeconfig=cluster.kubeconfig,
        )

    @property
    def workspace_name(self) -> str:
        return self.workspace.name

    def create_or_update(self, job: Any, **others: Any) -> Job:
        return self.jobs.create_or_update(job, **others)
