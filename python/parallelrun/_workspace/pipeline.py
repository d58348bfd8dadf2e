"""Pipeline and Experiment: steps in their order, submitted with values for their parameters."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from parallelrun._workspace.names import unknown
from parallelrun._workspace.parameters import PipelineParameter
from parallelrun._workspace.step import ParallelRunStep


class Pipeline:
    """Steps. One that reads another's output runs after it; the others run in the order that they have."""

    def __init__(
        self,
        workspace: Any,
        steps: Sequence[Any],
        description: Optional[str] = None,
        default_datastore: Any = None,
        **_: Any,
    ) -> None:
        self.workspace = workspace
        self.description = description
        given = [each for one in steps for each in (one if isinstance(one, (list, tuple)) else [one])]
        for each in given:
            if not isinstance(each, ParallelRunStep):
                raise TypeError(
                    f"steps has a {type(each).__name__}, but only ParallelRunStep runs here; run other steps by yourself, and "
                    "give their results as datasets"
                )
        names = [each.name for each in given]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two steps have the name '{name}'; each needs its own")
        self.steps = _in_order(given)

    def parameters(self) -> Dict[str, PipelineParameter]:
        """By name. ValueError: two of one name have different defaults."""
        found: Dict[str, PipelineParameter] = {}
        for step in self.steps:
            for each in step.parameters():
                other = found.setdefault(each.name, each)
                if other.default_value != each.default_value:
                    raise ValueError(
                        f"two parameters have the name '{each.name}', with the defaults {other.default_value!r} and "
                        f"{each.default_value!r}; give them different names"
                    )
        return found

    def validate(self) -> List[str]:
        """What is wrong with the steps, in the program's words; nothing: []."""
        found = []
        for step in self.steps:
            if not step.sources():
                try:
                    step.validate()
                except ValueError as error:
                    found.append(str(error))
        return found

    def submit(
        self, experiment_name: str, pipeline_parameters: Optional[Mapping[str, Any]] = None, **_: Any
    ) -> Any:
        return Experiment(self.workspace, experiment_name).submit(self, pipeline_parameters)

    def __repr__(self) -> str:
        return f"<Pipeline of {', '.join(step.name for step in self.steps)}>"


class Experiment:
    """A name for runs."""

    def __init__(self, workspace: Any, name: str, **_: Any) -> None:
        self.workspace = workspace
        self.name = name

    def submit(
        self,
        config: Any,
        pipeline_parameters: Optional[Mapping[str, Any]] = None,
        tags: Optional[Mapping[str, str]] = None,
        **_: Any,
    ) -> Any:
        """Starts the pipeline and comes back at once with its PipelineRun."""
        from parallelrun._workspace.cluster_runs import ClusterPipelineRun
        from parallelrun._workspace.runs import PipelineRun

        pipeline = Pipeline(self.workspace, [config]) if isinstance(config, ParallelRunStep) else config
        if not isinstance(pipeline, Pipeline):
            raise TypeError(
                f"submit() got a {type(config).__name__}, but takes a Pipeline; a script alone runs with "
                "parallelrun.run(...)"
            )
        parameters = pipeline.parameters()
        for name in pipeline_parameters or {}:
            if name not in parameters:
                raise ValueError(unknown("pipeline parameter", name, parameters))
        kind = PipelineRun if pipeline.workspace.cluster is None else ClusterPipelineRun
        return kind(self, pipeline, dict(pipeline_parameters or {}), dict(tags or {}))

    def get_runs(self, **_: Any) -> "List[Dict[str, Any]]":
        """What is kept of the runs of this experiment, the newest first: id, status, parameters, steps."""
        if self.workspace.cluster is not None:
            from parallelrun._workspace.cluster_runs import records_of

            return records_of(self.workspace.cluster, self.name)
        from parallelrun._workspace.run_records import records

        return [each for each in records(self.workspace.folder) if each["experiment"] == self.name]

    def __repr__(self) -> str:
        return f"<Experiment {self.name}>"


def _in_order(steps: List[ParallelRunStep]) -> List[ParallelRunStep]:
    """Each behind those whose output it reads. ValueError: one that is no step of the pipeline, or a circle."""
    writers = {id(step.output): step for step in steps}
    for step in steps:
        for source in step.sources():
            if id(source) not in writers:
                raise ValueError(
                    f"the step '{step.name}' reads the output '{source.name}', which no step of the pipeline writes"
                )
    ordered: List[ParallelRunStep] = []
    left = list(steps)
    while left:
        ready = [step for step in left if all(writers[id(each)] in ordered for each in step.sources())]
        if not ready:
            raise ValueError(f"these steps wait for each other: {', '.join(step.name for step in left)}")
        ordered.append(ready[0])
        left.remove(ready[0])
    return ordered
