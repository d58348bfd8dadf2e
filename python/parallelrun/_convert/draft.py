"""A manifest while it is made, and what a reader of it has to do."""

import os
import shlex
from typing import Any, Dict, List, Optional, Tuple

from parallelrun._convert.places import Place, claim_name
from parallelrun._convert.registered import Registered
from parallelrun._convert.report import Converted, Report, shown
from parallelrun._submit import API_VERSION, job_name


class Draft:
    """Fields are set in any order and come out in the order of a manifest."""

    _ORDER = (
        "sourceDirectory entryScript environment inputs sideInputs arguments output outputAction appendRowFileName "
        "miniBatchSize partitionKeys errorThreshold allowedFailedCount allowedFailedPercent nodeCount processCountPerNode"
    ).split()

    def __init__(self, name: str, report: Report, line: int) -> None:
        self.name = job_name(name)
        self.report = report
        self.spec: Dict[str, Any] = {}
        self.options: List[str] = []
        self.commands: List[str] = []
        self.afterwards: List[Tuple[str, str]] = []
        if self.name != name:
            report.note(line, name, f"the job's name is '{self.name}'")

    def set(self, field: str, value: Any) -> None:
        if value is not None:
            self.spec[field] = value

    # --- directories ---

    def input(
        self, name: str, kind: str, at: Place, line: int, fields: Optional[Dict[str, Any]] = None
    ) -> None:
        if kind == "file":
            at = self.of_store(at, name, line)
        entry: Dict[str, Any] = {"name": name, "type": kind, "source": at.source}
        if at.glob:
            entry["glob"] = at.glob
        entry.update(fields or {})
        self.spec.setdefault("inputs", []).append(entry)
        self._claimed(at, f"--input {name}=DIR", line, name)

    def side_input(self, name: str, at: Place, line: int, mount: Optional[str] = None) -> None:
        if at.blob is not None and not set("*?[]{}") & set(at.glob or ""):
            # A single object is one of the container too.
            blob = dict(at.blob["azureBlob"])
            if at.glob:
                blob["prefix"] = os.path.join(blob.get("prefix", ""), at.glob)
            at = self.of_store(Place({}, None, None, {"azureBlob": blob}), name, line)
        source = dict(at.source)
        if at.glob and not set("*?[]{}") & set(at.glob):
            if at.path is not None:
                source = {"local": {"path": os.path.join(at.path, at.glob)}}
            else:
                source["subPath"] = os.path.join(source.get("subPath", ""), at.glob)
        elif at.glob:
            self.report.note(
                line, name, f"the script sees the whole folder, not only what '{at.glob}' matches"
            )
        entry: Dict[str, Any] = {"name": name, "source": source}
        if mount:
            entry["mountPath"] = mount
        self.spec.setdefault("sideInputs", []).append(entry)
        self._claimed(at, f"--side-input {name}=DIR", line, name)

    def dataset_input(
        self, name: str, dataset: Registered, version: Optional[int], places: List[Place], line: int
    ) -> None:
        """`places`: of its parts, as far as they are known. What else there is to say of an input, the dataset says."""
        kind = {"type": dataset.kind} if dataset.kind else {}
        entry: Dict[str, Any] = {"name": name, **kind, "source": dataset.reference(version)}
        self.spec.setdefault("inputs", []).append(entry)
        for number, at in enumerate(places, 1):
            part = name if number == 1 else f"{name}_{number}"
            self._claimed(at, f"--input {part}=DIR", line, part)

    def dataset_side_input(
        self,
        name: str,
        dataset: Registered,
        version: Optional[int],
        places: List[Place],
        line: int,
        mount: Optional[str] = None,
    ) -> None:
        entry: Dict[str, Any] = {"name": name, "source": dataset.reference(version)}
        if mount:
            entry["mountPath"] = mount
        self.spec.setdefault("sideInputs", []).append(entry)
        for at in places[:1]:
            self._claimed(at, f"--side-input {name}=DIR", line, name)

    def output(self, at: Optional[Place], name: str, line: int) -> None:
        if at is None:
            # Azure makes a place for each run; here somebody names one.
            at = Place(
                {"persistentVolumeClaim": {"claimName": "results"}, "subPath": self.name}, None, "results"
            )
        self.spec["output"] = {"source": at.source}
        self._claimed(at, "--output DIR", line, name)

    def register_afterwards(self, dataset: Registered, glob: str, at: Optional[Place]) -> None:
        """What the job has written is registered when it has ended."""
        dataset.is_output = True
        option = shlex.quote(glob)
        claim = "CLAIM/FOLDER"
        if at is not None and at.claim is not None:
            claim = "/".join(each for each in (at.claim, at.source.get("subPath")) if each)
        here = f"parallelrun datasets register {dataset.name} --path DIR --glob {option}"
        there = f"parallelrun datasets register {dataset.name} -n NAMESPACE --claim {shlex.quote(claim)} --glob {option}"
        self.afterwards.append((here, there))

    def code(self, folder: Optional[str], script: str) -> None:
        if folder is not None:
            self.spec["sourceDirectory"] = {"local": {"path": folder}}
        self.spec["entryScript"] = script

    def code_elsewhere(self, name: str, line: int, what: str, said: str) -> None:
        self.spec["sourceDirectory"] = {"persistentVolumeClaim": {"claimName": claim_name(name)}}
        self.options.append("--source-directory DIR")
        self.report.note(line, what, said)

    def packages_file(self, field: str, path: str) -> None:
        """`condaFile` or `requirementsFile`: is to lie in the source directory; a command puts it there where it does not."""
        folder = self.spec.get("sourceDirectory", {}).get("local", {}).get("path")
        below = os.path.relpath(path, folder) if folder else path
        if folder and below.startswith(".."):
            self.commands.append(f"cp {shlex.quote(shown(path))} {shlex.quote(shown(folder))}/")
            below = os.path.basename(path)
        self.environment(field, below)

    def environment(self, field: str, value: Any) -> None:
        self.spec.setdefault("environment", {})[field] = value

    def of_store(self, at: Place, name: str, line: int) -> Place:
        """The container itself, where it may be read."""
        if at.blob is None:
            return at
        self.report.note(
            line,
            name,
            f"it is read from the container; its keys come from --credentials {name}=FILE or from the environment",
        )
        return Place(at.blob, at.glob, None)

    def _claimed(self, at: Place, option: str, line: int, what: str) -> None:
        if at.claim is None:
            return
        self.options.append(option)
        self.report.note(
            line,
            what,
            f"the PersistentVolumeClaim '{at.claim}' stands for it; on one machine name its folder with {option}",
        )

    def done(self) -> Converted:
        ordered = {key: self.spec[key] for key in self._ORDER if key in self.spec}
        ordered.update({key: value for key, value in self.spec.items() if key not in ordered})
        manifest = {
            "apiVersion": API_VERSION,
            "kind": "ParallelRunJob",
            "metadata": {"name": self.name},
            "spec": ordered,
        }
        return Converted(
            self.name, manifest, list(dict.fromkeys(self.options)), self.commands, self.afterwards
        )
