"""YAML of Azure ML v2: pipelines with parallel jobs, parallel components, batch deployments."""

import os
from typing import Any, Dict, List, Optional, Tuple

from parallelrun._convert import batch_deployment, lined, parallel_task
from parallelrun._convert.lined import Lined, Section
from parallelrun._convert.parallel_task import REASONS, Given, given_of
from parallelrun._convert.places import Place
from parallelrun._convert.report import Converted, NotConvertible, Report, shown

_SETTINGS = {
    "default_compute": REASONS["compute"],
    "default_datastore": "name the output's directory with --output",
    "continue_on_step_failure": "jobs are started one by one",
    "force_rerun": "allowReuse: false says that a finished job is not used again",
    "continue_run_on_failed_optional_input": "jobs are started one by one",
}
_WAY_OUT = (
    "a pipeline with parallel jobs, a parallel component, a batch deployment, or Python with ParallelRunStep"
)


def convert(path: str, report: Report) -> List[Converted]:
    """NotConvertible: the file is none of them, or has no parallel job."""
    given = lined.read(path)
    whole = Section(given, "", report)
    base = os.path.dirname(os.path.abspath(path))
    kind = whole.value("type")
    schema = str(whole.value("$schema") or "")
    if kind == "pipeline" or "jobs" in whole:
        return _Pipeline(whole, base).converted()
    if kind == "parallel" or "parallel" in schema.lower():
        return [_component(whole, base, os.path.splitext(os.path.basename(path))[0])]
    if "code_configuration" in whole or "batchdeployment" in schema.lower():
        return [batch_deployment.convert(whole, base)]
    if "batchendpoint" in schema.lower():
        raise NotConvertible(f"{report.file} is a batch endpoint; convert its deployment, which has the code")
    if whole.value("kind") == "ParallelRunJob":
        raise NotConvertible(f"{report.file} is a ParallelRunJob already")
    raise NotConvertible(f"{report.file} is none of what can be converted: {_WAY_OUT}")


def _declared(holder: Section, key: str, base: str) -> Dict[str, Given]:
    said = holder.take(key)
    if said is None or not isinstance(said.value, dict):
        return {}
    return {name: given_of(each, base) for name, each in said.value.items()}


def _component(whole: Section, base: str, otherwise: str) -> Converted:
    inputs, outputs = _declared(whole, "inputs", base), _declared(whole, "outputs", base)
    name = str(whole.value("name") or otherwise)
    return parallel_task.convert(whole, name, inputs, outputs, base)


class _Pipeline:
    def __init__(self, whole: Section, base: str) -> None:
        self.whole, self.base, self.report = whole, base, whole.report
        self.inputs = _declared(whole, "inputs", base)
        self.outputs = _declared(whole, "outputs", base)
        self.jobs = whole.section("jobs")
        self.done: Dict[str, Tuple[Converted, List[str]]] = {}
        self.begun: List[str] = []

    def converted(self) -> List[Converted]:
        for name in self.jobs.keys():
            self._job(name)
        self.whole.section("settings").rest(_SETTINGS)
        self.whole.rest(REASONS)
        if not self.done:
            raise NotConvertible(f"{self.report.file} has no parallel job; what can be converted: {_WAY_OUT}")
        # As they have to run: each behind those whose output it reads.
        return [found for found, _ in self.done.values()]

    def _job(self, name: str) -> None:
        if name in self.begun:
            return
        self.begun.append(name)
        step = self.jobs.section(name)
        component, code_base = self._component(step, name)
        kind = step.value("type") or (component.value("type") if component else None)
        if kind != "parallel":
            if component is not None or kind is not None:
                self.report.leave(
                    step.line,
                    step.path,
                    f"it is a job of type '{kind}', and only parallel ones can be carried over; run it first",
                )
            return
        inputs: Dict[str, Given] = _declared(component, "inputs", code_base) if component else {}
        outputs: Dict[str, Given] = _declared(component, "outputs", code_base) if component else {}
        self._values(step.take("inputs"), inputs, self.inputs)
        self._values(step.take("outputs"), outputs, self.outputs)
        if component is not None:
            # The step's own settings come before those of its component.
            merged = Section(None, step.path, component.report)
            merged.line = step.line
            merged._given = {**component._given, **step._given}
            merged._taken = ["inputs", "outputs", "type", "component"]
            step = merged
        found = parallel_task.convert(step, name, inputs, outputs, code_base, self._written)
        self.done[name] = (found, list(outputs))

    def _component(self, step: Section, name: str) -> Tuple[Optional[Section], str]:
        said = step.take("component")
        if said is None:
            return None, self.base
        if isinstance(said.value, dict):
            return Section(said, step.named("component"), self.report), self.base
        path = str(said.value)
        if path.startswith("azureml:"):
            self.report.leave(
                said.line,
                step.named("component"),
                f"{path} is registered in Azure; give its file: component: ./file.yml",
            )
            return None, self.base
        path = os.path.normpath(os.path.join(self.base, path.replace("file:", "", 1)))
        if not os.path.isfile(path):
            self.report.leave(said.line, step.named("component"), f"there is no file {shown(path)}")
            return None, self.base
        return Section(lined.read(path), "", self.report.of(shown(path))), os.path.dirname(path)

    def _values(self, said: Optional[Lined], into: Dict[str, Given], parents: Dict[str, Given]) -> None:
        for name, value in (said.value if said is not None and isinstance(said.value, dict) else {}).items():
            given = given_of(value, self.base, into.get(name))
            words = str(given.said).strip("${} ").split(".") if isinstance(given.said, str) else []
            if words[:1] == ["parent"] and len(words) == 3 and words[2] in parents:
                parent = parents[words[2]]
                kind = into[name].kind if name in into and not parent.is_path else parent.kind
                given = Given(kind, parent.said, parent.line, parent.base, given.optional)
            elif words[:2] == ["parent", "jobs"] and not given.is_path:
                given = given._replace(kind="uri_folder")
            into[name] = given

    def _written(self, job: str, output: str) -> Optional[Place]:
        if job in self.jobs.keys():
            self._job(job)
        if job not in self.done:
            return None
        found, outputs = self.done[job]
        spec: Dict[str, Any] = found.manifest["spec"]
        glob = None
        if spec["outputAction"] == "append_row" and outputs[:1] == [output]:
            glob = spec.get("appendRowFileName", "parallel_run_step.txt")
        else:
            self.report.note(
                self.jobs.line_of(job),
                f"jobs.{job}.outputs.{output}",
                "name its files with glob where it is read: the folder has logs too",
            )
        source = spec["output"]["source"]
        claim = source.get("persistentVolumeClaim", {}).get("claimName")
        return Place(source, glob, claim)
