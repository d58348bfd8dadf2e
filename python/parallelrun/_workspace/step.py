"""ParallelRunConfig and ParallelRunStep: the manifest of a ParallelRunJob from their parameters."""

import ast
import json
import os
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Union

from parallelrun._inputs import GLOB_LETTERS, PathLike, camel
from parallelrun._submit import API_VERSION, check
from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.cluster_datasets import check_here, check_places
from parallelrun._workspace.consumption import DatasetConsumptionConfig
from parallelrun._workspace.dataset import AbstractDataset
from parallelrun._workspace.environment import Environment
from parallelrun._workspace.far_datastore import in_words, source_below
from parallelrun._workspace.model import Model
from parallelrun._workspace.output import OutputFileDatasetConfig, OutputFiles, OutputTable
from parallelrun._workspace.parameters import TUNABLE, PipelineParameter, value_of

Setting = Union[str, int, PipelineParameter, None]
# Gives the directory that an output of an earlier step was written to, with what is to be read there.
FindOutput = Callable[[OutputFileDatasetConfig], Dict[str, Any]]


class ParallelRunConfig:
    """What runs, and how. Parameters are those of ParallelRunStep; any other field of `spec` may stand beside them in
    Python's spelling (`run_retry_delay=5`)."""

    def __init__(
        self,
        environment: Optional[Environment] = None,
        entry_script: str = "",
        error_threshold: int = -1,
        output_action: str = "append_row",
        compute_target: Any = None,
        node_count: Union[int, PipelineParameter] = 1,
        process_count_per_node: Setting = None,
        mini_batch_size: Setting = None,
        source_directory: Optional[PathLike] = None,
        description: Optional[str] = None,
        logging_level: Setting = None,
        run_invocation_timeout: Setting = None,
        run_max_try: Setting = None,
        append_row_file_name: Optional[str] = None,
        allowed_failed_count: Optional[int] = None,
        allowed_failed_percent: Optional[float] = None,
        partition_keys: Optional[Sequence[str]] = None,
        environment_variables: Optional[Mapping[str, str]] = None,
        requirements_file: Optional[str] = None,
        **others: Any,
    ) -> None:
        self.environment = environment
        self.entry_script = entry_script
        self.compute_target = compute_target
        self.source_directory = source_directory
        self.description = description
        self.append_row_file_name = append_row_file_name
        self.output_action = output_action
        self.environment_variables = dict(environment_variables or {})
        self.requirements_file = requirements_file
        self.settings: Dict[str, Any] = {
            "error_threshold": error_threshold,
            "output_action": output_action,
            "append_row_file_name": append_row_file_name,
            "mini_batch_size": mini_batch_size,
            "node_count": node_count,
            "process_count_per_node": process_count_per_node,
            "logging_level": logging_level,
            "run_invocation_timeout": run_invocation_timeout,
            "run_max_try": run_max_try,
            "allowed_failed_count": allowed_failed_count,
            "allowed_failed_percent": allowed_failed_percent,
            "partition_keys": list(partition_keys) if partition_keys else None,
            **others,
        }
        if not entry_script:
            raise ValueError("entry_script is missing; it is the Python file with init() and run(mini_batch)")
        for name, value in [("entry_script", entry_script), ("source_directory", source_directory)]:
            if isinstance(value, PipelineParameter):
                raise ValueError(_not_tunable(name))
        for name, value in self.settings.items():
            if isinstance(value, PipelineParameter) and name not in TUNABLE:
                raise ValueError(_not_tunable(name))
        if environment is not None:
            environment.say_what_is_not_used(3)
        if isinstance(compute_target, str):
            accepted(
                f"compute_target='{compute_target}'",
                "it stands for this machine, or the cluster of a workspace that is a namespace; node_count agents are started there",
            )

    def fields(self, given: Mapping[str, Any], in_cluster: bool = False) -> Dict[str, Any]:
        """Fields of `spec`."""
        spec: Dict[str, Any] = {}
        script = os.path.expanduser(os.fspath(self.entry_script))
        if self.source_directory is not None:
            folder = os.path.abspath(os.path.expanduser(os.fspath(self.source_directory)))
        else:
            folder, script = os.path.split(os.path.abspath(script))
        spec["sourceDirectory"] = {"local": {"path": folder}}
        spec["entryScript"] = script
        environment = self.environment.spec(in_cluster) if self.environment is not None else {}
        if self.requirements_file:
            environment["requirementsFile"] = self.requirements_file
        if self.environment_variables:
            environment["variables"] = {
                **environment.get("variables", {}),
                **{key: str(value) for key, value in self.environment_variables.items()},
            }
        if environment:
            spec["environment"] = environment
        for name, value in self.settings.items():
            value = value_of(value, given)
            if value is not None:
                spec[camel(name)] = _number(value)
        return spec

    def parameters(self) -> Iterator[PipelineParameter]:
        return (value for value in self.settings.values() if isinstance(value, PipelineParameter))


class ParallelRunStep:
    """A step of a pipeline: one ParallelRunJob."""

    def __init__(
        self,
        name: str,
        parallel_run_config: ParallelRunConfig,
        inputs: Sequence[Any],
        output: Optional[OutputFileDatasetConfig] = None,
        side_inputs: Optional[Sequence[Any]] = None,
        arguments: Optional[Sequence[Any]] = None,
        allow_reuse: bool = True,
    ) -> None:
        self.name = name
        self.config = parallel_run_config
        self.inputs = [_named(each, f"input_{n}", "inputs") for n, each in enumerate(inputs, 1)]
        self.side_inputs = [
            _named(each, f"side_input_{n}", "side_inputs") for n, each in enumerate(side_inputs or [], 1)
        ]
        self.output = output if output is not None else OutputFileDatasetConfig()
        if not isinstance(self.output, OutputFileDatasetConfig):
            raise TypeError(
                f"output is {type(output).__name__}, but must be OutputFileDatasetConfig(name=..., destination=(datastore, path))"
            )
        if parallel_run_config.output_action == "summary_only":
            for registration in self.output.registrations:
                if registration["glob"] is None:
                    raise ValueError(
                        f"the output of '{name}' is registered as '{registration['name']}', but with output_action='summary_only' only the "
                        "script knows its files; name them: register_on_complete(name, glob='*.png')"
                    )
        for each in self.side_inputs:
            _say_what_is_seen(each)
        if not parallel_run_config.settings["partition_keys"]:
            for each in self.inputs:
                if each.dataset.kind == "tabular" and any(
                    "pathPattern" in p for p in getattr(each.dataset, "parts", [])
                ):
                    raise ValueError(
                        f"the table '{each.name}' has partition_format, whose names are columns only with partition_keys; name "
                        "them: ParallelRunConfig(partition_keys=[...])"
                    )
        self.arguments = list(arguments or [])
        self.allow_reuse = allow_reuse
        for each in self.arguments:
            self._argument(each, {})  # what can stand for no path is said here
        if not any(isinstance(each.dataset, (OutputFiles, OutputTable)) for each in self._consumed()):
            self.validate()

    def _consumed(self) -> List[DatasetConsumptionConfig]:
        return self.inputs + self.side_inputs

    def sources(self) -> List[OutputFileDatasetConfig]:
        """The outputs of other steps that this one reads."""
        return [
            each.dataset.output
            for each in self._consumed()
            if isinstance(each.dataset, (OutputFiles, OutputTable))
        ]

    def parameters(self) -> List[PipelineParameter]:
        return [
            *self.config.parameters(),
            *(each for each in self.arguments if isinstance(each, PipelineParameter)),
        ]

    def validate(self) -> None:
        """ValueError: what `parallelrun validate` says of it."""
        problems = check(json.dumps(self.manifest("/nowhere", {})))
        if problems:
            raise ValueError(f"the step '{self.name}' is not valid:\n" + "\n".join(problems))

    def manifest(
        self,
        output: str,
        given: Mapping[str, Any],
        workspace: Any = None,
        find: Optional[FindOutput] = None,
    ) -> Dict[str, Any]:
        """The ParallelRunJob. `given`: values of parameters. `find`: where earlier steps of the run wrote."""
        cluster = workspace.cluster if workspace is not None else None
        spec = self.config.fields(given, cluster is not None)
        spec["inputs"] = [part for each in self.inputs for part in _parts(each, find)]
        side_inputs = [_side_input(each, find) for each in self.side_inputs]
        taken = {each["name"] for each in side_inputs}
        side_inputs += [
            {"name": model.name, "source": model.source}
            for model in self._models(workspace, spec)
            if model.name not in taken
        ]
        if side_inputs:
            spec["sideInputs"] = side_inputs
        if self.arguments:
            spec["arguments"] = [self._argument(each, given) for each in self.arguments]
        spec["output"] = {"source": {"local": {"path": output}}}
        if workspace is not None:
            for each in [*spec["inputs"], *side_inputs]:
                what = f"'{each['name']}' of the step '{self.name}'"
                if cluster is None:
                    check_here(what, each["source"])
                else:
                    check_places(cluster, what, [each])
        if not self.allow_reuse:
            spec["allowReuse"] = False
        return {
            "apiVersion": API_VERSION,
            "kind": "ParallelRunJob",
            "metadata": {"name": self.name},
            "spec": spec,
        }

    def _argument(self, argument: Any, given: Mapping[str, Any]) -> str:
        argument = value_of(argument, given)
        if isinstance(argument, OutputFileDatasetConfig):
            if argument is not self.output:
                raise ValueError(
                    f"arguments name the output '{argument.name}', but the step's output is '{self.output.name}', and a step "
                    "has one; write below it"
                )
            return "$(output)"
        if isinstance(argument, AbstractDataset):
            same = [each for each in self._consumed() if each.dataset is argument]
            argument = same[0] if same else DatasetConsumptionConfig(argument.name, argument)
        if isinstance(argument, DatasetConsumptionConfig):
            for kind, known in (("sideInputs", self.side_inputs), ("inputs", self.inputs)):
                for each in known:
                    if each is argument or (
                        each.dataset is argument.dataset and argument.name in (None, each.name)
                    ):
                        return f"$({kind}.{each.name})"
            raise ValueError(
                f"arguments name the dataset '{argument.name}', which is in neither inputs nor side_inputs; add it to "
                "side_inputs"
            )
        # Placeholders are ours; Azure has none, so what looks like one is the script's.
        return str(argument).replace("$(", "$$(")

    def _models(self, workspace: Any, spec: Mapping[str, Any]) -> List[Model]:
        """The models of the workspace that the script names, or that arguments name."""
        if workspace is None:
            return []
        known = workspace.models
        if not known:
            return []
        said = {str(each) for each in spec.get("arguments", [])} | {str(each) for each in self.arguments}
        script = os.path.join(spec["sourceDirectory"]["local"]["path"], spec["entryScript"])
        try:
            with open(script, encoding="utf-8") as file:
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError):
            tree = ast.Module([], [])  # the job will say what is wrong with it
        said |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        return [model for name, model in known.items() if name in said]

    def __repr__(self) -> str:
        return f"<ParallelRunStep {self.name}>"


def _not_tunable(name: str) -> str:
    return f"{name} is a PipelineParameter, but only these may be: {', '.join(TUNABLE)}"


def _number(value: Any) -> Any:
    """Parameters of a pipeline are often texts: "5" is 5."""
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value


def _named(value: Any, otherwise: str, parameter: str) -> DatasetConsumptionConfig:
    if isinstance(value, (OutputFileDatasetConfig, OutputTable)):
        value = value.as_input()
    if isinstance(value, AbstractDataset):
        value = DatasetConsumptionConfig(None, value)
    if not isinstance(value, DatasetConsumptionConfig):
        raise TypeError(
            f"{parameter} has a {type(value).__name__}, but must have datasets: dataset.as_named_input(name)"
        )
    if isinstance(value.dataset, PipelineParameter):
        raise TypeError(
            f"{parameter}: the dataset of '{value.name}' is a PipelineParameter, which is not supported; make a step for each dataset"
        )
    if value.name is None:
        # The same object may stand among the arguments, so it gets the name.
        value.name = value.dataset.name or otherwise
    return value


def _parts(consumed: DatasetConsumptionConfig, find: Optional[FindOutput]) -> List[Dict[str, Any]]:
    """`inputs[]`: one for each source of the dataset."""
    dataset = consumed.dataset
    if isinstance(dataset, (OutputFiles, OutputTable)):
        if find is None:
            raise ValueError(f"the output '{dataset.name}' is not written yet")
        parts = [{**find(dataset.output), **dataset.fields}]
        if "glob" not in parts[0]:
            raise ValueError(
                f"the output '{dataset.name}' is of a step with output_action='summary_only', so only its script knows "
                "the files; name them: output.as_input(name, glob='*.png')"
            )
    else:
        parts = [{"source": dataset.reference}] if dataset.reference else dataset.parts
    named = []
    for number, part in enumerate(parts, 1):
        name = consumed.name if number == 1 else f"{consumed.name}_{number}"
        named.append({"name": name, "type": dataset.kind, **part})
    return named


def _say_what_is_seen(consumed: DatasetConsumptionConfig) -> None:
    for part in getattr(consumed.dataset, "parts", []):
        if "sql" in part["source"]:
            raise ValueError(
                f"the side input '{consumed.name}' is a query of a database, but a side input is a folder or a file; name it "
                "among the inputs, or export the query to a file"
            )
        glob = part.get("glob")
        if not glob:
            continue
        if "local" in part["source"]:
            folder = part["source"]["local"]["path"]
            is_one = os.path.isfile(os.path.join(folder, glob))
        else:
            folder, is_one = in_words(part["source"]), not GLOB_LETTERS & set(glob)
        if not is_one:
            accepted(
                f"the wildcard {glob} of the side input '{consumed.name}'",
                f"not used; the script sees the whole folder {folder}",
                4,
            )


def _side_input(consumed: DatasetConsumptionConfig, find: Optional[FindOutput]) -> Dict[str, Any]:
    parts = _parts(consumed, find)
    if len(parts) > 1:
        raise ValueError(
            f"the side input '{consumed.name}' has {len(parts)} folders, but a side input is one; make a dataset of each"
        )
    source = parts[0]["source"]
    glob = parts[0].get("glob")
    if glob and not isinstance(consumed.dataset, (OutputFiles, OutputTable)):
        if "local" in source:
            path = os.path.join(source["local"]["path"], glob)
            if os.path.isfile(path):
                source = {"local": {"path": path}}
        elif not GLOB_LETTERS & set(glob):
            source = source_below(source, glob)
    found: Dict[str, Any] = {"name": consumed.name, "source": source}
    if consumed.path_on_compute:
        found["mountPath"] = consumed.path_on_compute
    return found
