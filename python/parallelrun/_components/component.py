"""parallel_run_function: a component, and its nodes in pipelines. The manifest is made as `parallelrun convert` makes it."""

import os
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from parallelrun._components.values import Environment, Input, Output, RunFunction
from parallelrun._convert import parallel_task
from parallelrun._convert.lined import Section, from_plain
from parallelrun._convert.parallel_task import Given
from parallelrun._convert.places import Place
from parallelrun._convert.report import Report
from parallelrun._submit import job_name
from parallelrun._workspace import environment as packages
from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.cluster_datasets import check_places
from parallelrun._workspace.dataset import AbstractDataset, Dataset
from parallelrun._workspace.dataset_paths import parts_of
from parallelrun._workspace.datastore import DataPath, Datastore
from parallelrun._workspace.far_datastore import source_below
from parallelrun._workspace.names import unknown
from parallelrun._workspace.output import OutputFileDatasetConfig
from parallelrun._workspace.step import FindOutput, ParallelRunStep

# A call of a component in a pipeline's function is noted here; without one, nowhere.
open_pipelines: "List[List[Node]]" = []


class NodeOutput(OutputFileDatasetConfig):
    """`node.outputs.NAME`: given to another node, it is what this one writes. `path` may be set."""

    def __init__(self, node: "Node", name: str, declared: Output) -> None:
        super().__init__(name)
        self.node, self.type, self.mode = node, declared.type, declared.mode
        self.path = declared.path

    @property
    def is_fixed(self) -> bool:
        return self.path is not None

    def place(self, workspace: Any, run_id: str) -> DataPath:
        if self.path is None:
            return super().place(workspace, run_id)
        named = in_datastore(self.path)
        if named is not None:
            return DataPath(Datastore(workspace, named[0]), named[1])
        if workspace.cluster is not None:
            raise ValueError(
                f"the output '{self.name}' has the path {self.path}, but the workspace is the {workspace.cluster}; name a volume of it: "
                "path='azureml://datastores/NAME/paths/PATH'"
            )
        store = object.__new__(Datastore)
        store.workspace, store.name = workspace, self.name
        store.folder = os.path.abspath(os.path.expanduser(self.path))
        return DataPath(store, "")


class Outputs:
    """By attribute or by key."""

    def __init__(self, given: Dict[str, NodeOutput]) -> None:
        self._given = given

    def __getattr__(self, name: str) -> NodeOutput:
        if name in self.__dict__.get("_given", {}):
            return self._given[name]
        raise AttributeError(unknown("output", name, self.__dict__.get("_given", {})))

    __getitem__ = __getattr__

    def __iter__(self) -> Any:
        return iter(self._given)


class Component:
    """What parallel_run_function gives: call it with inputs for a node of a pipeline, or submit it."""

    def __init__(
        self,
        name: str,
        settings: Dict[str, Any],
        task: RunFunction,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
    ) -> None:
        self.name, self.settings, self.task = name, settings, task
        self.inputs = {key: _input(value) for key, value in inputs.items()}
        self.outputs = {
            key: value if isinstance(value, Output) else Output(type=str(value))
            for key, value in outputs.items()
        }
        # The folder that relative paths begin at.
        self.base = os.getcwd()

    def __call__(self, *args: Any, **given: Any) -> "Node":
        if args:
            raise TypeError(f"{self.name}() takes its inputs by name: {', '.join(self.inputs)}")
        for key in given:
            if key not in self.inputs:
                raise ValueError(unknown(f"input of {self.name}", key, self.inputs))
        missing = [
            key
            for key, value in self.inputs.items()
            if key not in given and isinstance(value, Input) and not value.optional
            if value.path is None and value.default is None
        ]
        if missing:
            raise ValueError(f"{self.name}() needs the inputs {', '.join(missing)}")
        node = Node(self, given)
        if open_pipelines:
            node.place_in(open_pipelines[-1])
        return node


class Node(ParallelRunStep):
    """A component with its inputs: one ParallelRunJob. Settings may be changed: `node.mini_batch_size = "1"`."""

    def __init__(self, component: Component, given: Mapping[str, Any]) -> None:
        self.component = component
        self.given = dict(given)
        self.name = job_name(component.name)
        self.allow_reuse = component.settings.get("is_deterministic") is not False
        self._outputs = {name: NodeOutput(self, name, each) for name, each in component.outputs.items()}
        self.outputs = Outputs(self._outputs)
        self.inputs, self.side_inputs, self.arguments = [], [], []
        self._kinds: Dict[str, str] = {}  # of datasets of a namespace, by name
        for key, value in component.settings.items():
            setattr(self, key, value)
        rows = str(component.task.settings.get("append_row_to") or "").strip("${} ").rpartition(".")[2]
        main = rows if rows in self._outputs else next(iter(self._outputs), None)
        self.output = self._outputs[main] if main else NodeOutput(self, "output", Output())

    def place_in(self, nodes: "List[Node]") -> None:
        """Names in a pipeline are unique: a second one is NAME-2."""
        taken = {node.name for node in nodes}
        number, first = 1, self.name
        while self.name in taken:
            number += 1
            self.name = f"{first[:28]}-{number}"
        nodes.append(self)

    def set_resources(self, *, instance_count: Optional[int] = None, **others: Any) -> None:
        if instance_count is not None:
            self.instance_count = instance_count
        for key, value in others.items():
            setattr(self, key, value)

    # --- as a step of a run ---

    def sources(self) -> List[OutputFileDatasetConfig]:
        return [value.node.output for value in self.given.values() if isinstance(value, NodeOutput)]

    def parameters(self) -> List[Any]:
        return []

    def manifest(
        self,
        output: str,
        given: Mapping[str, Any],
        workspace: Any = None,
        find: Optional[FindOutput] = None,
    ) -> Dict[str, Any]:
        cluster = workspace.cluster if workspace is not None else None
        report = Report(self.component.name)
        plain = {key: getattr(self, key) for key in self.component.settings}
        resources = {
            key: plain.pop(key, None)
            for key in ("instance_count", "instance_type", "shm_size", "docker_args")
        }
        plain["resources"] = {key: value for key, value in resources.items() if value is not None}
        plain["task"] = {
            key: value for key, value in self.component.task.settings.items() if value is not None
        }
        section = Section(
            from_plain({key: value for key, value in plain.items() if value not in (None, {})}), "", report
        )

        def written(job: str, name: str) -> Optional[Place]:
            if find is None:
                claim = {"persistentVolumeClaim": {"claimName": "nowhere"}}
                return Place({"local": {"path": "/nowhere"}} if cluster is None else claim, None, None)
            ((key, value),) = [
                (k, v)
                for k, v in self.given.items()
                if isinstance(v, NodeOutput) and v.node.name == job and v.name == name
            ]
            found = find(value.node.output)
            cut = str(plain.get("input_data")).strip("${} ") == f"inputs.{key}"
            if cut and (value is not value.node.output or "glob" not in found):
                raise ValueError(
                    f"{self.name} cuts the output '{name}' of {job} into mini-batches, but only its script knows the files there; let "
                    "it return rows (append_row_to), or run it first and give its folder as Input(path=...)"
                )
            if value is value.node.output:
                return Place(found["source"], found.get("glob"), None)
            if "local" not in found["source"]:
                return Place(source_below(found["source"], name), None, None)
            path = os.path.join(found["source"]["local"]["path"], name)
            return Place({"local": {"path": path}}, None, None)

        inputs = {name: self._given(name, workspace) for name in self.component.inputs}
        outputs = {
            name: Given(each.type, None, 0, self.component.base) for name, each in self._outputs.items()
        }
        made = parallel_task.convert(section, self.name, inputs, outputs, self.component.base, written)
        self._report = report
        manifest = made.manifest
        spec = manifest["spec"]
        spec["output"] = {"source": {"local": {"path": output}}}
        if cluster is not None:
            for each in spec["inputs"] + spec.get("sideInputs", []):
                check_places(cluster, f"'{each['name']}' of {self.name}", [each])
                if "dataset" in each["source"] and "type" in each:
                    # The dataset says what it is, and how it is read.
                    each["type"] = self._kinds[each["source"]["dataset"]["name"]]
        environment = self._environment(workspace)
        if environment:
            spec["environment"] = {**environment, **spec.get("environment", {})}
        if not self.allow_reuse:
            spec["allowReuse"] = False
        return manifest

    def say_what_is_not_used(self, workspace: Any, level: int) -> None:
        """Warnings, at the line that submits this node."""
        self.manifest("/nowhere", {}, workspace)
        for remark in self._report.left:
            accepted(f"{self.component.name}: {remark.what}", remark.said, level + 1)

    def _given(self, name: str, workspace: Any) -> Given:
        declared = self.component.inputs[name]
        value = self.given.get(name, declared)
        base = self.component.base
        kind = declared.type if isinstance(declared, Input) else "string"
        optional = isinstance(declared, Input) and declared.optional
        if isinstance(value, NodeOutput):
            said: Any = f"${{{{parent.jobs.{value.node.name}.outputs.{value.name}}}}}"
            return Given(value.type if value.type == "mltable" else kind, said, 0, base, optional)
        if isinstance(value, Input):
            said = self._path(value.path, value.type, name, workspace) if value.path else value.default
            return Given(value.type, said, 0, base, optional)
        if kind in parallel_task.PATHS:
            return Given(kind, self._path(os.fspath(value), kind, name, workspace), 0, base, optional)
        return Given(kind, value, 0, base, optional)

    def _path(self, path: str, kind: str, name: str, workspace: Any) -> Union[str, Place]:
        if workspace is None or workspace.cluster is None:
            return _path(path, workspace)
        if path.startswith("azureml:") and not path.startswith("azureml://"):
            dataset = _dataset(path, workspace)
            assert dataset.reference is not None and dataset.name is not None
            self._kinds[dataset.name] = dataset.kind
            return Place(dataset.reference, None, None)
        if kind == "mltable":
            raise ValueError(
                f"the input '{name}' is the MLTable {path}, whose file nobody can read from here; register the table, for instance with "
                "Dataset.Tabular.from_delimited_files((datastore, path)).register(ws, NAME), and name it: azureml:NAME:1"
            )
        named = in_datastore(path)
        if named is None:
            return path
        (part,) = parts_of((Datastore(workspace, named[0]), named[1]), False, kind == "uri_file")
        return Place(part["source"], part.get("glob"), None)

    def _environment(self, workspace: Any) -> Dict[str, Any]:
        said = self.component.task.environment
        in_cluster = workspace is not None and workspace.cluster is not None
        if said is None:
            return {}
        if isinstance(said, str):
            name = said.replace("azureml:", "", 1).partition(":")[0].partition("@")[0]
            known = packages.Environment.list(workspace) if workspace is not None else {}
            return known[name].spec(in_cluster) if name in known else {}
        made = packages.Environment(said.name or self.name)
        made.docker.base_image = said.image
        if isinstance(said.conda_file, Mapping):
            made.python.conda_dependencies.take(said.conda_file, "conda_file")
        elif said.conda_file is not None:
            path = os.path.join(self.component.base, os.fspath(said.conda_file))
            made.python.conda_dependencies = packages.CondaDependencies(path)
        return made.spec(in_cluster)

    def __repr__(self) -> str:
        return f"<Node {self.name}>"


def parallel_run_function(
    *,
    name: Optional[str] = None,
    task: Optional[RunFunction] = None,
    inputs: Optional[Mapping[str, Any]] = None,
    outputs: Optional[Mapping[str, Any]] = None,
    input_data: Optional[str] = None,
    mini_batch_size: Any = None,
    mini_batch_error_threshold: Optional[int] = None,
    error_threshold: Optional[int] = None,
    retry_settings: Any = None,
    logging_level: Optional[str] = None,
    max_concurrency_per_instance: Optional[int] = None,
    partition_keys: Optional[List[str]] = None,
    environment_variables: Optional[Dict[str, str]] = None,
    instance_count: Optional[int] = None,
    instance_type: Optional[str] = None,
    shm_size: Optional[str] = None,
    docker_args: Optional[str] = None,
    compute: Optional[str] = None,
    display_name: Optional[str] = None,
    description: Optional[str] = None,
    tags: Optional[Dict[str, str]] = None,
    properties: Optional[Dict[str, str]] = None,
    experiment_name: Optional[str] = None,
    identity: Any = None,
    is_deterministic: bool = True,
    **others: Any,
) -> Component:
    """A component with a parallel task, by the names of the SDK v2 (docs/migration.md has the table).

    `input_data="${{inputs.NAME}}"` names the input that is cut into mini-batches; other inputs with a path are side inputs.
    """
    if task is None:
        raise ValueError("task is missing: task=RunFunction(code=..., entry_script=...)")
    settings: Dict[str, Any] = {
        "input_data": input_data,
        "mini_batch_size": mini_batch_size,
        "mini_batch_error_threshold": mini_batch_error_threshold,
        "error_threshold": error_threshold,
        "retry_settings": retry_settings if not hasattr(retry_settings, "__dict__") else vars(retry_settings),
        "logging_level": logging_level,
        "max_concurrency_per_instance": max_concurrency_per_instance,
        "partition_keys": partition_keys,
        "environment_variables": environment_variables,
        "instance_count": instance_count,
        "instance_type": instance_type,
        "shm_size": shm_size,
        "docker_args": docker_args,
        "compute": compute,
        "properties": properties,
        "identity": identity,
        "is_deterministic": is_deterministic,
        **others,
    }
    environment = task.environment
    if isinstance(environment, Environment) and (environment.image or environment.build):
        accepted(
            f"{name}: the image {environment.image or ''} of the environment",
            "not used on one machine, where scripts run in the Python that submits the job",
        )
    elif isinstance(environment, str):
        accepted(
            f"{name}: the environment {environment}",
            "used only if the workspace has one of that name; else scripts run in the Python that submits the job",
        )
    if input_data is None:
        raise ValueError('input_data is missing: input_data="${{inputs.NAME}}" names the input that is cut')
    return Component(name or "parallel-run", settings, task, inputs or {}, outputs or {})


def in_datastore(path: str) -> Optional[Tuple[str, str]]:
    """Of `azureml://datastores/NAME/paths/PATH`: both; None: it is something else."""
    if not path.startswith("azureml://datastores/"):
        return None
    store, _, below = path[len("azureml://datastores/") :].partition("/paths")
    return store, below.strip("/")


def _dataset(path: str, workspace: Any) -> "AbstractDataset":
    name, _, version = path[len("azureml:") :].replace("@", ":").partition(":")
    return Dataset.get_by_name(workspace, name, version or "latest")


def _input(value: Any) -> Any:
    return Input(type=value) if isinstance(value, str) and value in parallel_task.PATHS else value


def _path(path: str, workspace: Any) -> str:
    """A dataset of the workspace by `azureml:NAME:VERSION`; other paths as they are."""
    if not path.startswith("azureml:") or workspace is None:
        return path
    named = in_datastore(path)
    if named is not None:
        return Datastore(workspace, named[0]).local_path(named[1])
    dataset = _dataset(path, workspace)
    if len(dataset.parts) > 1:
        raise ValueError(
            f"the dataset '{dataset.name}' has {len(dataset.parts)} folders, but an input has one path"
        )
    (part,) = dataset.parts
    folder: str = part["source"]["local"]["path"]
    return os.path.join(folder, part["glob"]) if "glob" in part else folder
