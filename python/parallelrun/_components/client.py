"""MLClient over a workspace that is a folder, and pipelines as functions."""

import functools
import os
from typing import Any, Callable, Dict, List, Mapping, Optional

from parallelrun._components.component import Component, Node, NodeOutput, open_pipelines
from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.names import unknown
from parallelrun._workspace.pipeline import Experiment, Pipeline
from parallelrun._workspace.runs import PipelineRun
from parallelrun._workspace.workspace import Workspace

_WORDS = {"Finished": "Completed"}


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
        return _WORDS.get(self.run.get_status(), self.run.get_status())

    def folder_of(self, output_name: Optional[str] = None) -> str:
        """Where an output lies; without a name, that of the last step."""
        steps = self.run.get_steps()
        if output_name is None:
            return steps[-1].output_directory
        if output_name not in self._outputs:
            raise ValueError(unknown("output", output_name, self._outputs))
        output = self._outputs[output_name]
        (step,) = [step for step in steps if step.step is output.node]
        below = "" if output is output.node.output else output.name
        return os.path.join(step.output_directory, below).rstrip("/")

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
            accepted(
                f"compute '{target}'", "it stands for this machine; instance_count agents are started here"
            )
        for node in nodes:
            node.say_what_is_not_used(self._workspace, 3)
        name = experiment_name or getattr(job, "experiment_name", None) or "default"
        run = Experiment(self._workspace, name).submit(Pipeline(self._workspace, nodes))
        made = Job(run, outputs)
        self._known[made.name] = made
        return made

    def get(self, name: str) -> Job:
        if name not in self._known:
            raise ValueError(unknown("job of this program", name, self._known))
        return self._known[name]

    def stream(self, name: str) -> None:
        """Waits for the end and shows the progress. JobError: it failed."""
        self.get(name).run.wait_for_completion(show_output=True)

    def cancel(self, name: str) -> None:
        self.get(name).run.cancel()

    def list(self, **_: Any) -> List[Job]:
        """Those of this program, the newest first."""
        return list(reversed(self._known.values()))

    def download(
        self, name: str, *, download_path: Any = ".", output_name: Optional[str] = None, all: bool = False
    ) -> None:
        """Copies an output into `download_path`."""
        from parallelrun._workspace.datastore import copy_tree

        folder = self.get(name).folder_of(output_name)
        copy_tree(folder, folder, os.fspath(download_path), overwrite=True)


class MLClient:
    """`folder=` names the workspace; else it is that of `workspace_name` (docs/migration.md). Credentials are not used."""

    def __init__(
        self,
        credential: Any = None,
        subscription_id: Optional[str] = None,
        resource_group_name: Optional[str] = None,
        workspace_name: Optional[str] = None,
        *,
        folder: Any = None,
        namespace: Optional[str] = None,
        **_: Any,
    ) -> None:
        if namespace is not None:
            raise NotImplementedError(_no_namespace(namespace))
        if credential is not None:
            accepted(
                f"the credential {type(credential).__name__}",
                "it is not used, because the workspace is a folder of this machine",
            )
        self.workspace = Workspace(subscription_id, resource_group_name, workspace_name, folder=folder)
        self.jobs = _Jobs(self.workspace)

    @classmethod
    def from_config(cls, credential: Any = None, *, path: Any = None, **_: Any) -> "MLClient":
        workspace = Workspace.from_config(path)
        if workspace.cluster is not None:
            raise NotImplementedError(_no_namespace(workspace.name))
        return cls(credential, folder=workspace.folder)

    @property
    def workspace_name(self) -> str:
        return self.workspace.name

    def create_or_update(self, job: Any, **others: Any) -> Job:
        return self.jobs.create_or_update(job, **others)


def _no_namespace(namespace: str) -> str:
    return (
        f"the workspace is the namespace '{namespace}', but MLClient works with a folder only; in a cluster use the classes of the SDK v1 "
        "(Workspace.from_namespace), or convert the pipeline's file: parallelrun convert"
    )
