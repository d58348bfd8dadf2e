"""A parallel job of Azure ML v2: a step of a pipeline, a component, or what parallel_run_function was given."""

import os
import re
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from parallelrun._convert import mltable
from parallelrun._convert.draft import Draft
from parallelrun._convert.lined import Lined, Section
from parallelrun._convert.places import Place, place
from parallelrun._convert.registered import Registered, asset, named
from parallelrun._convert.report import Converted, Report
from parallelrun._convert.task_arguments import arguments

DATA = ("uri_folder", "uri_file", "mltable")
PATHS = (*DATA, "mlflow_model", "custom_model", "triton_model")
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")

FIELDS = {
    "partition_keys": "partitionKeys",
    "max_concurrency_per_instance": "processCountPerNode",
    "error_threshold": "errorThreshold",
    "logging_level": "loggingLevel",
}
REASONS = {
    "$schema": "",
    "type": "",
    "name": "",
    "version": "",
    "is_deterministic": "",
    "compute": "the job runs where it is started: on this machine, or on the cluster that it is applied to",
    "display_name": "a job has a name only",
    "description": "a job has a name only; a comment in the manifest can say it",
    "tags": "put labels into metadata.labels",
    "properties": "it says nothing about the run",
    "experiment_name": "runs are not grouped",
    "identity": "credentials are those of the pods or of the user",
    "services": "the job has no services besides",
    "limits": "activeDeadlineSeconds limits a job on a cluster",
    "component": "",
}
RESOURCES = {
    "instance_type": "choose nodes with worker.nodeSelector, and memory with worker.resources",
    "properties": "it says nothing about the run",
    "docker_args": "worker has what a pod may have",
    "locations": "the cluster decides where pods run",
}


class Given(NamedTuple):
    """What an input or output stands for: `said` a path, the place that it is, or a value; `base` the folder that a path
    begins at."""

    kind: str  # uri_folder, ..., or string, number, integer, boolean
    said: Any
    line: int
    base: str
    optional: bool = False

    @property
    def is_path(self) -> bool:
        return self.kind in PATHS


def given_of(value: Lined, base: str, declared: Optional[Given] = None) -> Given:
    """An input of a file: a mapping with type and path, or a value alone."""
    if isinstance(value.value, dict):
        said = {key: each.plain() for key, each in value.value.items()}
        kind = str(said.get("type", declared.kind if declared else "uri_folder"))
        content = said.get("path") if kind in PATHS else said.get("value", said.get("default"))
        return Given(kind, content, value.line, base, bool(said.get("optional")))
    if declared is not None and declared.is_path:
        return declared._replace(said=value.plain(), line=value.line, base=base)
    kind = declared.kind if declared else "string"
    return Given(kind, value.plain(), value.line, base)


# (job, output) -> where another parallel job of the pipeline writes it; None: no parallel job does.
Written = Callable[[str, str], Optional[Place]]


def convert(
    step: Section,
    name: str,
    inputs: Mapping[str, Given],
    outputs: Mapping[str, Given],
    code_base: str,
    written: Optional[Written] = None,
) -> Converted:
    """`step`: the keys of the task. `code_base`: where the paths of its code and environment begin."""
    return _Task(step, name, dict(inputs), dict(outputs), code_base, written).converted()


class _Task:
    def __init__(
        self,
        step: Section,
        name: str,
        inputs: Dict[str, Given],
        outputs: Dict[str, Given],
        code_base: str,
        written: Optional[Written],
    ) -> None:
        self.step, self.inputs, self.outputs = step, inputs, outputs
        self.code_base, self.written = code_base, written
        self.report: Report = step.report
        self.draft = Draft(name, self.report, step.line)
        self.partitioned: Optional[str] = None
        self.rows_go_to: Optional[str] = None

    def converted(self) -> Converted:
        task = self.step.section("task")
        self._code(task)
        self._input()
        self._rows(task)
        self._side_inputs()
        self._output()
        self._arguments(task)
        self._settings()
        environment(task, self.draft, self.code_base)
        variables = {**task.texts("environment_variables"), **self.step.texts("environment_variables")}
        if variables:
            self.draft.environment("variables", variables)
        kind = task.value("type")
        if kind not in (None, "run_function", "function", "model"):
            task.leave(
                "type", f"it is '{kind}', but only a function with init() and run() can be carried over"
            )
        task.rest({"model": "add the model as an input, which becomes a side input", "description": ""})
        self.step.rest(REASONS)
        return self.draft.done()

    # --- code ---

    def _code(self, task: Section) -> None:
        script = task.value("entry_script")
        code = task.value("code")
        if script is None:
            self.report.leave(task.line, task.named("entry_script"), "it is missing; the job needs it")
            script = "entry_script.py"
        if code is None:
            folder, name = os.path.split(os.path.normpath(os.path.join(self.code_base, str(script))))
            self.draft.code(folder, name)
        elif "://" in str(code) or str(code).startswith(("azureml:", "git+")):
            self.draft.code(None, str(script))
            self.draft.code_elsewhere(
                f"{self.draft.name}-code", task.line_of("code"), task.named("code"),
                f"the code is at {code}; fetch it, and name its folder with --source-directory DIR",
            )  # fmt: skip
        else:
            self.draft.code(os.path.normpath(os.path.join(self.code_base, str(code))), str(script))

    # --- what it reads ---

    def _expression(self, text: Any) -> Optional[str]:
        match = _EXPRESSION.fullmatch(str(text).strip())
        return match.group(1) if match else None

    def _input(self) -> None:
        said = self.step.take("input_data")
        if said is None:
            self.report.leave(
                self.step.line, self.step.named("input_data"), "it is missing; a job needs an input"
            )
            return
        expression = self._expression(said.value)
        name = expression[len("inputs.") :] if expression and expression.startswith("inputs.") else None
        if name is None or name not in self.inputs:
            self.report.leave(
                said.line, self.step.named("input_data"), f"'{said.value}' names no input of the job"
            )
            return
        self.partitioned = name
        given = self.inputs[name]
        dataset = self._asset(given, name)
        if dataset is not None:
            self.draft.dataset_input(name, *dataset, [], given.line)
            return
        kind, places, fields = "file", [self._place(given, name)], {}
        if given.kind == "mltable" and places[0].path is not None:
            table = mltable.table(places[0].path, self.report)
            if table is None:
                self.report.note(given.line, name, "its folder has no file MLTable, so it is taken for files")
            else:
                kind, fields = table.kind, table.fields
                whole = places[0]
                places = table.places or places
                if kind == "file" and any(at.path == whole.path and at.glob is None for at in places):
                    self.report.note(
                        given.line, name, "the file MLTable lies among its files; leave it out with glob"
                    )
        elif given.kind == "mltable":
            kind = "tabular" if _is_size(self.step.value("mini_batch_size")) else "file"
            self.report.note(
                given.line, name,
                f"its MLTable is not here, so type is '{kind}'; set format, delimiter and columns as the MLTable says",
            )  # fmt: skip
        for number, at in enumerate(places, 1):
            self.draft.input(name if number == 1 else f"{name}_{number}", kind, at, given.line, fields)

    def _asset(self, given: Given, name: str) -> "Optional[Tuple[Registered, Optional[int]]]":
        """The registered data that an input names. Models are no datasets."""
        if isinstance(given.said, Place) or given.kind not in DATA:
            return None
        found = asset(given.said, given.line, name, self.report)
        if found is None:
            return None
        kind = "file"
        if given.kind == "mltable" and name == self.partitioned:
            kind = "tabular" if _is_size(self.step.value("mini_batch_size")) else "file"
            self.report.note(
                given.line,
                name,
                f"its MLTable is not here, so it is taken for {'a table' if kind == 'tabular' else 'files'}; register it with "
                "the format that the MLTable says",
            )
        dataset = named(found, kind, given.line, self.report, given.kind == "uri_file")
        return dataset, found.version

    def _place(self, given: Given, name: str) -> Place:
        if isinstance(given.said, Place):
            return given.said
        expression = self._expression(given.said)
        if expression is not None:
            # parent.jobs.prepare.outputs.data: what another step of the pipeline writes.
            words = expression.split(".")
            if words[1:2] == ["jobs"] and len(words) == 5 and self.written is not None:
                known = self.written(words[2], words[4])
                if known is not None:
                    self.report.note(
                        given.line, name, f"it is what the job '{words[2]}' writes; run that first"
                    )
                    return known
            at = place(None, "-".join(words[2:3] + words[4:]) if words[1:2] == ["jobs"] else name, given.base)
            self.report.note(given.line, name, f"it is what {expression} writes; run that first")
            return at
        said = None if given.said is None else str(given.said)
        return place(said, name, given.base, is_file=given.kind == "uri_file")

    def _side_inputs(self) -> None:
        for name, given in self.inputs.items():
            if name == self.partitioned or not given.is_path or (given.optional and given.said is None):
                continue
            dataset = self._asset(given, name)
            if dataset is not None:
                self.draft.dataset_side_input(name, *dataset, [], given.line)
            else:
                self.draft.side_input(name, self._place(given, name), given.line)

    # --- what it writes ---

    def _rows(self, task: Section) -> None:
        said = task.take("append_row_to")
        if said is None:
            self.draft.set("outputAction", "summary_only")
            return
        expression = self._expression(said.value) or ""
        self.rows_go_to = expression[len("outputs.") :] if expression.startswith("outputs.") else None
        self.draft.set("outputAction", "append_row")

    def _output(self) -> None:
        names = list(self.outputs)
        main = self.rows_go_to if self.rows_go_to in self.outputs else (names[0] if names else None)
        if main is None:
            self.draft.output(None, "outputs", self.step.line)
            return
        given = self.outputs[main]
        at = None
        if given.said is not None and self._expression(given.said) is None:
            at = place(
                str(given.said),
                main,
                given.base,
                is_file=main == self.rows_go_to and given.kind == "uri_file",
            )
            if at.glob and main == self.rows_go_to:
                self.draft.set("appendRowFileName", at.glob)
            at = Place(at.source, None, at.claim)
        self.main_output = main
        self.draft.output(at, main, given.line)
        for name in names:
            if name != main:
                self.report.note(
                    self.outputs[name].line, f"outputs.{name}",
                    f"a job has one output; it is the folder '{name}' in it, which the script must make",
                )  # fmt: skip

    # --- arguments and settings ---

    def _arguments(self, task: Section) -> None:
        said = task.take("program_arguments")
        if said is None:
            return

        def find(expression: str) -> Optional[str]:
            kind, _, name = expression.partition(".")
            if kind == "outputs" and name in self.outputs:
                return "$(output)" if name == self.main_output else f"$(output)/{name}"
            given = self.inputs.get(name) if kind == "inputs" else None
            if given is None:
                self.report.leave(
                    said.line, task.named("program_arguments"), f"${{{{{expression}}}}} names nothing"
                )
                return None
            if given.optional and given.said is None:
                return None
            if given.is_path:
                return f"$(inputs.{name})" if name == self.partitioned else f"$(sideInputs.{name})"
            if given.said is None:
                self.report.leave(
                    given.line, f"inputs.{name}", "it has no value; write it among the arguments"
                )
                return ""
            return str(given.said).lower() if isinstance(given.said, bool) else str(given.said)

        try:
            words = arguments(str(said.value), find)
        except ValueError as error:
            self.report.leave(said.line, task.named("program_arguments"), f"it is no command line: {error}")
            return
        if words:
            self.draft.set("arguments", words)

    def _literal(self, given: Optional[Lined]) -> Any:
        """A value, also where it names an input of the pipeline."""
        if given is None:
            return None
        expression = self._expression(given.value)
        if expression is None:
            return given.plain()
        found = self.inputs.get(expression.rpartition(".")[2])
        return found.said if found else None

    def _settings(self) -> None:
        step, draft = self.step, self.draft
        for key, field in FIELDS.items():
            draft.set(field, number(self._literal(step.take(key))))
        draft.set("miniBatchSize", batch_size(self._literal(step.take("mini_batch_size"))))
        failed = number(self._literal(step.take("mini_batch_error_threshold")))
        draft.set("allowedFailedCount", None if failed == -1 else failed)
        retries(step.section("retry_settings"), draft)
        resources = step.section("resources")
        draft.set("nodeCount", number(resources.value("instance_count")))
        memory = resources.value("shm_size")
        if memory is not None:
            draft.set("sharedMemory", shared_memory(str(memory)))
        resources.rest(RESOURCES)

    main_output: Optional[str] = None


def retries(settings: Section, draft: Draft) -> None:
    more = number(settings.value("max_retries"))
    if isinstance(more, int):
        draft.set("runMaxTry", more + 1)
    else:
        settings.leave("max_retries", f"it is {more!r}, and no number")
    draft.set("runInvocationTimeout", number(settings.value("timeout")))
    settings.rest({})


def environment(holder: Section, draft: Draft, base: str) -> None:
    """The key `environment`, by name, or written out with an image and a conda file."""
    said = holder.take("environment")
    if said is None:
        return
    where = holder.named("environment")
    if not isinstance(said.value, dict):
        draft.report.leave(
            said.line, where,
            f"{said.value} is registered in Azure; set environment.image, or environment.requirements",
        )  # fmt: skip
        return
    section = Section(said, where, draft.report)
    image = section.value("image")
    if image is not None:
        draft.environment("image", str(image))
    conda = section.take("conda_file")
    if conda is not None and isinstance(conda.value, str):
        draft.packages_file("condaFile", os.path.normpath(os.path.join(base, conda.value)))
    elif conda is not None:
        content = conda.plain()
        listed = content.get("dependencies") if isinstance(content, dict) else None
        packages: List[Any] = listed if isinstance(listed, list) else []
        if not packages:
            draft.report.leave(conda.line, section.named("conda_file"), "it has no list 'dependencies'")
        found = [each for entry in packages if isinstance(entry, dict) for each in entry.get("pip") or []]
        if found:
            draft.environment("requirements", [str(each) for each in found])
        for entry in packages:
            if isinstance(entry, str):
                draft.report.leave(
                    conda.line, section.named("conda_file"), f"'{entry}': only its pip packages are taken"
                )
    section.leave("build", "build the image yourself, and set environment.image")
    section.rest({key: "" for key in ("$schema", "name", "version", "description", "tags", "os_type")})


def number(value: Any) -> Any:
    """ "5" is 5."""
    return int(value) if isinstance(value, str) and value.strip().lstrip("-").isdigit() else value


def _is_size(value: Any) -> bool:
    return isinstance(number(value), str)


def batch_size(value: Any) -> Any:
    """ "10kb" is 10KB."""
    value = number(value)
    return value.strip().replace(" ", "").upper() if isinstance(value, str) else value


def shared_memory(text: str) -> str:
    """Docker's "2g" is 2Gi."""
    match = re.fullmatch(r"(\d+)\s*([bkmgBKMG]?)[bB]?", text.strip())
    if not match:
        return text
    unit = {"": "", "b": "", "k": "Ki", "m": "Mi", "g": "Gi"}[match.group(2).lower()]
    return match.group(1) + unit
