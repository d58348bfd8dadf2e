"""Programs and notebooks of the SDK v1. They are parsed, and never executed."""

import ast
import inspect
import json
import os
from typing import Any, Dict, List, Optional, Tuple

from parallelrun._convert.constants import Made, Reader, Unknown, known
from parallelrun._convert.draft import Draft
from parallelrun._convert.parallel_task import number
from parallelrun._convert.places import Place, in_container, place
from parallelrun._convert.registered import Registered, asset_by_name, named, with_place
from parallelrun._convert.registered import dataset_of as dataset_name
from parallelrun._convert.report import Converted, NotConvertible, Report
from parallelrun._inputs import camel
from parallelrun._submit import job_name
from parallelrun._workspace.dataset import ENCODINGS
from parallelrun._workspace.dataset_paths import path_pattern
from parallelrun._workspace.environment import CondaDependencies
from parallelrun._workspace.step import ParallelRunConfig, ParallelRunStep

# Those that a field of the same name in the manifest's spelling takes as they are.
_PLAIN = (
    "error_threshold output_action append_row_file_name mini_batch_size node_count process_count_per_node logging_level "
    "run_invocation_timeout run_max_try allowed_failed_count allowed_failed_percent partition_keys"
).split()
_FORMATS = {"from_delimited_files": "csv", "from_parquet_files": "parquet", "from_json_lines_files": "jsonl"}
_TYPES = {
    "to_string": "string",
    "to_long": "int64",
    "to_float": "float64",
    "to_bool": "bool",
    "to_datetime": "datetime",
}


def convert(path: str, report: Report) -> List[Converted]:
    """NotConvertible: the file is no Python, or has no ParallelRunStep."""
    try:
        tree = ast.parse(_source(path))
    except (SyntaxError, ValueError) as error:
        raise NotConvertible(f"{report.file} is no Python: {error}") from error
    reader = Reader(report)
    reader.read(tree.body)
    steps = [made for made in reader.made if made.kind == "ParallelRunStep"]
    if not steps:
        lonely = (
            " (it has a ParallelRunConfig)" if any(m.kind == "ParallelRunConfig" for m in reader.made) else ""
        )
        raise NotConvertible(
            f"{report.file} has no ParallelRunStep{lonely}, which has the inputs and the output"
        )
    outputs = [_arguments(step, ParallelRunStep).get("output") for step in steps]
    writers = {id(_unwrapped(output, _OF_OUTPUT)): step for output, step in zip(outputs, steps)}
    registered = {
        id(_unwrapped(made, _OF_DATASET)): made
        for made in reversed(reader.made)
        if made.kind == "register" and isinstance(made.of, Made)
    }
    base = os.path.dirname(os.path.abspath(path))
    found = [_Step(step, report, base, writers, registered) for step in steps]
    for made in reader.made:
        # Whether a step reads it or not; and before the steps, which say the version where there are several.
        found[0].registered(made)
    return [step.converted() for step in found]


def _unwrapped(value: Any, kinds: List[str]) -> Any:
    """What the methods `kinds` were called on, one after the other."""
    while isinstance(value, Made) and value.kind in kinds:
        value = value.argument(1, "dataset") if value.kind == "DatasetConsumptionConfig" else value.of
    return value


def _source(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if not path.endswith(".ipynb"):
        return text
    # Lines are counted over all cells of code. What is no Python, such as %%writefile, becomes an empty line.
    lines: List[str] = []
    for cell in json.loads(text).get("cells", []):
        if cell.get("cell_type") != "code":
            continue
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        magic = source.lstrip().startswith("%%")
        for line in source.splitlines():
            lines.append("" if magic or line.lstrip().startswith(("%", "!")) else line)
    return "\n".join(lines)


def _arguments(made: Made, of: Any) -> Dict[str, Any]:
    """By the names that our class of the same signature has."""
    parameters = inspect.signature(of.__init__).parameters.values()
    names = [each.name for each in parameters if each.kind == each.POSITIONAL_OR_KEYWORD][1:]
    return {**dict(zip(names, made.args)), **made.kwargs}


class _Step:
    """`writers`: steps by the id of their output; `register_calls` by that of the dataset."""

    def __init__(
        self,
        step: Made,
        report: Report,
        base: str,
        writers: Dict[int, Made],
        register_calls: Dict[int, Made],
    ) -> None:
        self.step, self.report, self.base, self.writers = step, report, base, writers
        self.register_calls = register_calls
        self.given = _arguments(step, ParallelRunStep)
        name = self.given.get("name")
        self.draft = Draft(name if isinstance(name, str) else "parallel-run-step", report, step.line)
        if not isinstance(name, str):
            self._leave(step, "name", name)
        self.side_names: Dict[int, str] = {}
        self.input_names: Dict[int, str] = {}

    def converted(self) -> Converted:
        self._config()
        for index, each in enumerate(self._several("inputs"), 1):
            self._input(each, index)
        for index, each in enumerate(self._several("side_inputs"), 1):
            self._side_input(each, index)
        self._output()
        self._arguments()
        reuse = self.given.get("allow_reuse")
        if reuse is False:
            self.draft.set("allowReuse", False)
        self._rest(self.step, self.given, ParallelRunStep)
        return self.draft.done()

    # --- the configuration ---

    def _config(self) -> None:
        config = self.given.get("parallel_run_config")
        if not isinstance(config, Made) or config.kind != "ParallelRunConfig":
            self._leave(self.step, "parallel_run_config", config)
            self.draft.code(None, "entry_script.py")
            return
        given = _arguments(config, ParallelRunConfig)
        script, folder = given.get("entry_script"), given.get("source_directory")
        if not isinstance(script, str):
            self._leave(config, "entry_script", script)
            script = "entry_script.py"
        if isinstance(folder, str):
            self.draft.code(os.path.normpath(os.path.join(self.base, folder)), script)
        else:
            if folder is not None:
                self._leave(config, "source_directory", folder)
            at, name = os.path.split(os.path.normpath(os.path.join(self.base, script)))
            self.draft.code(at, name)
        for parameter in _PLAIN:
            value = given.get(parameter)
            if value is None:
                continue
            if isinstance(value, Made) and value.kind == "PipelineParameter":
                value = self._parameter(value, camel(parameter))
            if isinstance(value, Made) or not known(value):
                self._leave(config, parameter, value)
            else:
                self.draft.set(camel(parameter), number(value))
        self._environment(config, given.get("environment"))
        variables = given.get("environment_variables")
        if isinstance(variables, dict) and known(variables):
            self.draft.environment("variables", {key: str(value) for key, value in variables.items()})
        elif variables is not None:
            self._leave(config, "environment_variables", variables)
        if given.get("compute_target") is not None:
            self.report.leave(
                config.lines.get("compute_target", config.line), "compute_target",
                "the job runs where it is started: on this machine, or on the cluster that it is applied to",
            )  # fmt: skip
        if given.get("description") is not None:
            self.report.leave(
                config.lines.get("description", config.line), "description", "a job has a name only"
            )
        self._rest(config, given, ParallelRunConfig)

    def _parameter(self, parameter: Made, field: str) -> Any:
        name, value = parameter.argument(0, "name"), parameter.argument(1, "default_value")
        self.report.note(parameter.line, f"PipelineParameter '{name}'", f"change it with --set {field}=VALUE")
        return value

    def _environment(self, config: Made, environment: Any) -> None:
        if environment is None:
            return
        line = config.lines.get("environment", config.line)
        if not isinstance(environment, Made):
            self._leave(config, "environment", environment)
            return
        made = environment
        if made.kind in ("from_conda_specification", "from_pip_requirements"):
            path = made.argument(1, "file_path")
            if isinstance(path, str):
                self.draft.packages_file(
                    "condaFile" if made.kind == "from_conda_specification" else "requirementsFile",
                    os.path.normpath(os.path.join(self.base, path)),
                )
            else:
                self._leave(made, "file_path", path)
        elif made.kind == "from_docker_image":
            self._image(made, made.argument(1, "image"))
        elif made.kind not in ("Environment", "clone"):
            self.report.leave(
                line,
                "environment",
                "it is registered in Azure; set environment.image, or environment.requirements",
            )
            return
        packages = CondaDependencies()
        for path, value in made.attributes.items():
            if path == "docker.base_image":
                self._image(made, value)
            elif path == "environment_variables" and isinstance(value, dict) and known(value):
                self.draft.environment("variables", {key: str(each) for key, each in value.items()})
            elif path == "python.conda_dependencies" and isinstance(value, Made):
                self._packages(value, packages)
            elif path == "calls":
                for called, args in value:
                    self._add(made, called, args, packages)
            elif path not in ("docker.enabled", "python.user_managed_dependencies"):
                self.report.leave(made.line, f"environment.{path}", "there is no field for it")
        for each in packages.stood_in_for():
            self.report.note(
                made.line, each, "not needed; the runner gives scripts Model, Run and EntryScript"
            )
        if packages.requirements():
            self.draft.environment("requirements", packages.requirements())
        if packages.python_version:
            self.report.leave(
                made.line,
                "python_version",
                "choose an image with that Python, or on one machine a virtual environment",
            )

    def _image(self, made: Made, image: Any) -> None:
        if isinstance(image, str):
            self.draft.environment("image", image)
        elif image is not None:
            self.report.leave(
                made.line, "the image of the environment", "it is known only when the program runs"
            )

    def _packages(self, made: Made, into: CondaDependencies) -> None:
        if made.kind == "CondaDependencies" and (made.args or made.kwargs):
            path = made.argument(0, "conda_dependencies_file_path")
            if isinstance(path, str):
                self.draft.packages_file("condaFile", os.path.normpath(os.path.join(self.base, path)))
                return
        names = ("pip_indexurl", "pip_packages", "conda_packages", "python_version")
        given = {**dict(zip(names, made.args)), **made.kwargs}
        for name in ("pip_packages", "conda_packages"):
            packages = given.get(name) or []
            for each in packages if isinstance(packages, (list, tuple)) else [packages]:
                if isinstance(each, str):
                    getattr(into, name).append(each)
                else:
                    self._leave(made, name, each)
        version = given.get("python_version")
        into.python_version = version if isinstance(version, str) else None
        for called, args in made.attributes.get("calls", []):
            self._add(made, called, args, into)

    def _add(self, made: Made, called: str, args: List[Any], into: CondaDependencies) -> None:
        method = called.rpartition(".")[2]
        if method in ("add_pip_package", "add_conda_package") and args and isinstance(args[0], str):
            getattr(into, method)(args[0])
        else:
            self.report.leave(made.line, called, "there is no field for it")

    # --- data ---

    def _several(self, name: str) -> List[Any]:
        value = self.given.get(name)
        if value is None:
            return []
        if isinstance(value, (list, tuple)):
            return list(value)
        self._leave(self.step, name, value)
        return []

    def _input(self, value: Any, index: int) -> None:
        found = self._dataset(value, f"input_{index}")
        if found is None:
            name = f"input_{index}"
            self._leave(self.step, f"inputs[{index - 1}]", value)
            self.draft.input(name, "file", place(None, name, self.base), self.step.line)
            return
        if found.dataset is not None:
            self.draft.dataset_input(found.name, found.dataset, found.version, found.places, found.line)
            self.input_names[id(value)] = found.name
            return
        for number_, at in enumerate(found.places, 1):
            name = found.name if number_ == 1 else f"{found.name}_{number_}"
            self.draft.input(name, found.kind, at, found.line, found.fields)
        self.input_names[id(value)] = found.name

    def _side_input(self, value: Any, index: int) -> None:
        found = self._dataset(value, f"side_input_{index}")
        if found is None:
            self._leave(self.step, f"side_inputs[{index - 1}]", value)
            return
        if len(found.places) > 1:
            self.report.leave(
                found.line, found.name, "a side input is one folder; add a side input for each of the others"
            )
        if found.dataset is not None and len(found.places) < 2:
            self.draft.dataset_side_input(
                found.name, found.dataset, found.version, found.places, found.line, found.mount
            )
        else:
            self.draft.side_input(found.name, found.places[0], found.line, found.mount)
        self.side_names[id(value)] = found.name

    def _dataset(self, value: Any, name: str) -> "Optional[_Dataset]":
        """Through as_named_input(), as_mount(), register() to what the dataset is."""
        found = _Dataset(name, self.step.line)
        named = False
        while isinstance(value, Made):
            if value.kind in ("as_named_input", "as_input", "DatasetConsumptionConfig") and not named:
                given = value.argument(0, "name") or value.kwargs.get("input_name")
                if isinstance(given, str):
                    found.name, named, found.line = given, True, value.line
            if value.kind in ("as_mount", "as_download"):
                path = value.argument(0, "path_on_compute")
                if isinstance(path, str):
                    found.mount = path
                elif path is not None:
                    self.report.leave(value.line, value.kind, "its path is known only when the program runs")
            if value.kind.startswith("read_"):
                self.report.leave(value.line, value.kind, "set type: tabular and format of this input")
            if value.kind == "register" and found.registration is None:
                found.registration = value
            if value.kind not in _OF_DATASET + _OF_OUTPUT:
                found.registration = found.registration or self.register_calls.get(id(value))
                return self._as_registered(self._origin(value, found))
            value = value.argument(1, "dataset") if value.kind == "DatasetConsumptionConfig" else value.of
        return None

    # --- what is registered ---

    def registered(self, made: Made) -> None:
        """Notes what `made` registers, if it does."""
        if made.kind == "register" and isinstance(made.of, Made):
            origin = _unwrapped(made, _OF_DATASET)
            if isinstance(origin, Made) and origin.kind in _ENVIRONMENTS:
                return
            name = str(made.argument(1, "name", "data"))
            if self._dataset(made, name) is None:
                self.report.leave(made.line, f"register '{name}'", "its data was not carried over")
        elif made.kind == "register" and (len(made.args) > 1 or "model_name" in made.kwargs):
            self.report.leave(
                made.line,
                "Model.register",
                "add the model's folder to sideInputs under the name that the script asks for",
            )

    def _as_registered(self, found: "Optional[_Dataset]") -> "Optional[_Dataset]":
        call = found.registration if found is not None else None
        if found is None or call is None:
            return found
        name = call.argument(1, "name")
        if not isinstance(name, str):
            self.report.leave(
                call.line,
                "register",
                "its name is known only when the program runs; the job names the folder",
            )
            return found
        line = call.lines.get("name", call.line)
        if found.dataset is not None and not found.places:
            self.report.leave(
                line, f"register '{name}'", f"Azure has it as '{found.dataset.name}' too; that name is used"
            )
            return found
        about: Dict[str, Any] = {}
        for at, parameter in ((2, "description"), (3, "tags")):
            value = call.argument(at, parameter)
            if value is None or value == {}:
                continue
            within = value.values() if isinstance(value, dict) else [value]
            if not known(value) or any(isinstance(each, Made) for each in within):
                self._leave(call, parameter, value)
            elif isinstance(value, dict):
                about[parameter] = {str(key): str(each) for key, each in value.items()}
            else:
                about[parameter] = str(value)
        if call.argument(4, "create_new_version") is True:
            self.report.note(
                call.lines.get("create_new_version", call.line),
                "create_new_version",
                f"if '{name}' is there with other data, write the next number as version into the dataset's file",
            )
        if found.kind == "file":
            found.places = [self.draft.of_store(at, found.name, found.line) for at in found.places]
        dataset, number_ = with_place(name, found.kind, found.places, found.fields, about, line, self.report)
        if number_ is not None:
            found.dataset = dataset
            found.version = number_ if len(dataset.versions) > 1 else None
        return found

    def _on_complete(self, output: Any, at: Optional[Place]) -> None:
        """register_on_complete() of the step's output."""
        while isinstance(output, Made) and output.kind in _OF_OUTPUT:
            if output.kind == "register_on_complete":
                name = output.argument(0, "name")
                if not isinstance(name, str):
                    self._leave(output, "register_on_complete", name)
                else:
                    dataset = dataset_name(name, output.line, self.report)
                    rows = self.draft.spec.get("appendRowFileName", "parallel_run_step.txt")
                    plain = self.draft.spec.get("outputAction") != "summary_only" and isinstance(rows, str)
                    glob = rows if plain else "PATTERN"
                    self.draft.register_afterwards(dataset, glob, at)
            elif output.kind.startswith("read_"):
                self.report.leave(
                    output.line, output.kind, "set type: tabular and its format where the rows are read"
                )
            output = output.of

    # --- where data lies ---

    def _origin(self, made: Made, found: "_Dataset") -> "Optional[_Dataset]":
        if made.kind in _FORMATS or made.kind == "from_files":
            found.kind = "file" if made.kind == "from_files" else "tabular"
            path = made.argument(0, "path")
            if made.kind == "from_files" and len(made.args) == 2 and isinstance(path, Made):
                path = (path, made.args[1])  # as the page writes it
            found.places = self._places(made, path, found)
            if found.kind == "tabular":
                found.fields = self._table(made)
            else:
                for parameter in made.kwargs:
                    if parameter not in ("path", "validate", "is_file", "partition_format"):
                        self._leave(made, parameter, made.kwargs[parameter])
            self._pattern(made, found)
            return found
        if made.kind == "get_by_name":
            return self._registered(made.argument(1, "name"), made.argument(2, "version"), found)
        if made.kind == "[]" and isinstance(made.of, Made) and made.of.kind == ".datasets":
            return self._registered(made.args[0], None, found)
        if made.kind in ("OutputFileDatasetConfig", "PipelineData") and id(made) in self.writers:
            writer = _arguments(self.writers[id(made)], ParallelRunStep)
            at = self._output_place(made, job_name(str(writer.get("name"))))
            config = writer.get("parallel_run_config")
            settings = _arguments(config, ParallelRunConfig) if isinstance(config, Made) else {}
            rows = settings.get("append_row_file_name") or "parallel_run_step.txt"
            if settings.get("output_action", "append_row") == "append_row" and isinstance(rows, str):
                at = at._replace(glob=rows)
            else:
                self.report.note(
                    found.line,
                    found.name,
                    "name its files with glob: the folder has logs and other files too",
                )
            found.places = [at]
            self.report.note(
                found.line, found.name, f"it is what the step '{writer.get('name')}' writes; run that first"
            )
            return found
        if made.kind == "from_sql_query":
            self.report.leave(
                made.line,
                found.name,
                "write source: {sql: {query: ...}} in the manifest, and give the database's url with --credentials",
            )
        return None

    def _pattern(self, made: Made, found: "_Dataset") -> None:
        """`partition_format` in place of a glob."""
        said = made.kwargs.get("partition_format")
        if said is None:
            return
        pattern = path_pattern(said) if isinstance(said, str) else None
        line = made.lines.get("partition_format", made.line)
        if pattern is None or any(at.glob not in (None, "**/*") for at in found.places):
            self.report.leave(
                line,
                "partition_format",
                "only names in braces after a folder are a pathPattern; set that in the manifest",
            )
            return
        found.places = [at._replace(glob=None) for at in found.places]
        found.fields["pathPattern"] = pattern

    def _registered(self, name: Any, version: Any, found: "_Dataset") -> "Optional[_Dataset]":
        if not isinstance(name, str):
            return None
        if not known(version) or isinstance(version, Made):
            self._leave(self.step, f"{name} version", version)
            version = None
        asset = asset_by_name(name, version, found.line, name, self.report)
        found.dataset, found.version = named(asset, None, found.line, self.report), asset.version
        return found

    def _places(self, made: Made, path: Any, found: "_Dataset") -> List[Place]:
        if isinstance(path, tuple) and len(path) == 2 and isinstance(path[0], Made):
            inner = path[1] if isinstance(path[1], (list, tuple)) else [path[1]]
            return [self._on_datastore(path[0], each, found) for each in inner]
        if isinstance(path, (list, tuple)) and path:
            return [at for each in path for at in self._places(made, each, found)]
        if isinstance(path, str):
            return [place(path, found.name, self.base)]
        if isinstance(path, Made):
            if path.kind in ("path", "DataPath"):
                store = path.of if path.kind == "path" else path.argument(0, "datastore")
                below = path.argument(
                    0 if path.kind == "path" else 1, "path" if path.kind == "path" else "path_on_datastore"
                )
                return [self._on_datastore(store, below or "", found)]
            if path.kind == "upload":
                source = path.argument(0, "src_dir")
                if isinstance(source, str):
                    self.report.note(
                        path.line, found.name, f"it is read where it lies before the upload: {source}"
                    )
                    return [place(source, found.name, self.base)]
            if path.kind in _DATASTORES:
                return [self._on_datastore(path, "", found)]
        self._leave(made, "path", path)
        return [place(None, found.name, self.base)]

    def _on_datastore(self, store: Any, path: Any, found: "_Dataset") -> Place:
        if (
            isinstance(store, Made)
            and store.kind == "register_azure_blob_container"
            and isinstance(path, str)
        ):
            container, account = store.argument(2, "container_name"), store.argument(3, "account_name")
            if isinstance(container, str) and isinstance(account, str):
                return in_container(account, container, path)
        name = "workspaceblobstore"
        if isinstance(store, Made) and store.kind in _DATASTORES:
            given = store.argument(*_DATASTORES[store.kind])
            name = given if isinstance(given, str) else name
        if not isinstance(path, str):
            self._leave(self.step, found.name, path)
            path = ""
        return place(f"azureml://datastores/{name}/paths/{path.lstrip('/')}", found.name, self.base)

    def _table(self, made: Made) -> Dict[str, Any]:
        fields: Dict[str, Any] = {"format": _FORMATS[made.kind]}
        csv = made.kind == "from_delimited_files"
        for parameter, value in made.kwargs.items():
            line = made.lines.get(parameter, made.line)
            if parameter in ("path", "validate", "support_multi_line"):
                continue
            if parameter == "separator" and isinstance(value, str) and csv:
                if value != ",":
                    fields["delimiter"] = value
            elif parameter == "encoding" and isinstance(value, str):
                if value not in ("utf8", "utf-8"):
                    fields["encoding"] = ENCODINGS.get(value, value)
            elif parameter == "set_column_types" and isinstance(value, dict):
                for column, kind in value.items():
                    word = _TYPES.get(kind.kind) if isinstance(kind, Made) else kind
                    if isinstance(word, str) and not (isinstance(kind, Made) and kind.args):
                        fields.setdefault("columns", {})[column] = word
                    else:
                        self.report.leave(
                            line, f"set_column_types['{column}']", "no such type; convert it in run()"
                        )
            elif parameter == "header" and (
                value in (False, 0) or getattr(value, "source", "").endswith("NO_HEADERS")
            ):
                fields["header"] = False
            elif parameter == "header" and (
                value in (True, 3) or "SAME_HEADERS" in getattr(value, "source", "")
            ):
                continue
            elif parameter == "partition_format":
                continue
            elif parameter in ("include_path", "empty_as_string") and not value:
                continue
            elif parameter == "infer_column_types" and value:
                continue
            else:
                self.report.leave(line, parameter, _TABLE_REASONS.get(parameter, "there is no field for it"))
        return fields

    def _output_place(self, made: Any, step: str) -> Place:
        destination = made.argument(1, "destination") if isinstance(made, Made) else None
        if isinstance(destination, tuple) and len(destination) == 2 and isinstance(destination[1], str):
            path = destination[1].replace("{output-name}", str(made.argument(0, "name", "output")))
            if "{run-id}" in path:
                self.report.note(
                    made.line,
                    "{run-id}",
                    f"'{step}' stands for it; a job of a manifest always writes to one place",
                )
            return self._on_datastore(
                destination[0], path.replace("{run-id}", step), _Dataset("output", made.line)
            )
        return place(f"azureml://datastores/results/paths/{step}", "output", self.base)

    def _output(self) -> None:
        output = self.given.get("output")
        if output is None:
            self.draft.output(None, "output", self.step.line)
            return
        if not isinstance(output, Made):
            self._leave(self.step, "output", output)
            self.draft.output(None, "output", self.step.line)
            return
        made = _unwrapped(output, _OF_OUTPUT)
        if not isinstance(made, Made):
            self._leave(self.step, "output", made)
            self.draft.output(None, "output", self.step.line)
            return
        name = made.argument(0, "name")
        at = self._output_place(made, self.draft.name)
        self.draft.output(at, name if isinstance(name, str) else "output", made.line)
        self._on_complete(output, at)

    # --- arguments ---

    def _arguments(self) -> None:
        words = []
        for index, each in enumerate(self._several("arguments")):
            word = self._argument(each)
            if word is None:
                self._leave(self.step, f"arguments[{index}]", each)
                word = ""
            words.append(word)
        if words:
            self.draft.set("arguments", words)

    def _argument(self, value: Any) -> Optional[str]:
        if isinstance(value, Made):
            if value.kind == "PipelineParameter":
                name, value = value.argument(0, "name"), value.argument(1, "default_value")
                self.report.note(
                    self.step.line,
                    f"PipelineParameter '{name}'",
                    "change it among the arguments of the manifest",
                )
                return str(value)
            if _unwrapped(value, _OF_OUTPUT) is _unwrapped(self.given.get("output"), _OF_OUTPUT):
                return "$(output)"
            origin = self._dataset(value, "")
            for kind, parameter, names in (
                ("sideInputs", "side_inputs", self.side_names),
                ("inputs", "inputs", self.input_names),
            ):
                for each in self._several(parameter):
                    same = self._dataset(each, names.get(id(each), ""))
                    if each is value or (origin and same and same.origin_of(origin)):
                        return f"$({kind}.{names.get(id(each), '')})"
            return None
        if not known(value):
            return None
        return str(value).replace("$(", "$$(")

    # --- what is left ---

    def _leave(self, made: Made, name: str, value: Any) -> None:
        line = getattr(value, "line", None) or made.lines.get(name, made.line)
        if value is None:
            self.report.leave(line, name, "it is missing; set it in the manifest")
        elif isinstance(value, Unknown):
            self.report.leave(
                line, name, f"'{value.source}' is known only when the program runs; set it in the manifest"
            )
        elif isinstance(value, Made):
            self.report.leave(line, name, f"what {value.kind}() gives is not known; set it in the manifest")
        else:
            self.report.leave(
                line, name, "a part of it is known only when the program runs; set it in the manifest"
            )

    def _rest(self, made: Made, given: Dict[str, Any], of: Any) -> None:
        parameters = set(inspect.signature(of.__init__).parameters)
        for name in given:
            if name == "**":
                self.report.leave(made.line, "**", "these arguments are known only when the program runs")
            elif name not in parameters:
                self.report.leave(made.lines.get(name, made.line), name, f"{made.kind} has no such parameter")


# Methods that give the same data again.
_OF_DATASET = (
    "as_named_input as_input as_mount as_download as_direct register DatasetConsumptionConfig"
).split()
_OF_OUTPUT = ("register_on_complete as_upload as_mount read_delimited_files read_parquet_files").split()
_ENVIRONMENTS = (
    "Environment",
    "clone",
    "from_conda_specification",
    "from_pip_requirements",
    "from_docker_image",
)
_DATASTORES: Dict[str, Tuple[int, str, str]] = {
    "get_default_datastore": (9, "name", "workspaceblobstore"),
    "Datastore": (1, "name", "workspaceblobstore"),
    "get": (1, "datastore_name", "workspaceblobstore"),
    "register_azure_blob_container": (2, "container_name", "workspaceblobstore"),
}
_TABLE_REASONS = {
    "include_path": "run(mini_batch, mini_batch_context) has the file: mini_batch_context.file",
    "empty_as_string": "an empty field is a gap; fill it in run()",
    "infer_column_types": "types are inferred unless they are declared in columns",
    "header": "each file is read apart, so each needs the header itself",
    "invalid_lines": "a line that is no JSON fails its mini-batch",
}


class _Dataset:
    """What a chain of calls comes to."""

    def __init__(self, name: str, line: int) -> None:
        self.name, self.line = name, line
        self.kind = "file"
        self.places: List[Place] = []
        self.fields: Dict[str, Any] = {}
        self.mount: Optional[str] = None
        self.registration: Optional[Made] = None
        self.dataset: Optional[Registered] = None
        self.version: Optional[int] = None

    def origin_of(self, other: "_Dataset") -> bool:
        return bool(self.name == other.name or not other.name) and (
            (self.places, self.dataset, self.version) == (other.places, other.dataset, other.version)
        )
