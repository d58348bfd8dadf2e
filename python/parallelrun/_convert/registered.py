"""Datasets that a file registers, or names as they are registered in Azure: ParallelRunDatasets here."""

import re
import shlex
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from parallelrun._convert.places import Place
from parallelrun._convert.report import Report
from parallelrun._submit import API_VERSION
from parallelrun._workspace.cluster_names import object_name

# What `parallelrun datasets register` has an option for.
_OPTIONS = {
    "glob": "--glob",
    "pathPattern": "--path-pattern",
    "format": "--data-format",
    "description": "--description",
}


class AssetName(NamedTuple):
    """NAME:VERSION of Azure. `version`: None: the newest one, or one that has no number."""

    name: str
    version: Optional[int]


class Registered:
    """One name. `kind` is file or tabular; None: the file does not say. `versions` are those whose place is known, from number
    1 on; `numbers` those that the file names, wherever their data lies."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind: Optional[str] = None
        self.is_file = False  # a single one, by its type
        self.is_output = False  # of a job of the same file, which is registered when the job has ended
        self.versions: List[Dict[str, Any]] = []
        self.numbers: List[int] = []

    def reference(self, version: Optional[int] = None) -> Dict[str, Any]:
        """`source` of a manifest."""
        named: Dict[str, Any] = {"name": self.name}
        return {"dataset": named if version is None else {**named, "version": version}}

    def document(self) -> Dict[str, Any]:
        """Precondition: it has versions."""
        numbered = [{"version": number, **each} for number, each in enumerate(self.versions, 1)]
        return {
            "apiVersion": API_VERSION,
            "kind": "ParallelRunDataset",
            "metadata": {"name": self.name},
            "spec": {"type": self.kind or "file", "versions": numbered},
        }

    def commands(self, file: str) -> List[str]:
        """For this machine. `file`: where document() is."""
        known = [f"parallelrun datasets register {shlex.quote(file)}"] if self.versions else []
        at = "--path FILE" if self.is_file else "--path DIR"
        return known + [self._named(at, number) for number in self._elsewhere()]

    def cluster_commands(self, file: str) -> List[str]:
        """For a namespace. A line with # is for people."""
        found: List[str] = []
        parts = [part for version in self.versions for part in version.get("parts") or [version]]
        if parts and not any("local" in part["source"] for part in parts):
            found.append(f"parallelrun datasets register {shlex.quote(file)} -n NAMESPACE")
        elif len(parts) == 1 and set(parts[0]) <= {"source", *_OPTIONS}:
            said = [f"{_OPTIONS[key]} {shlex.quote(parts[0][key])}" for key in _OPTIONS if key in parts[0]]
            found.append(self._named(" ".join(["-n NAMESPACE --claim CLAIM/FOLDER", *said]), None))
        elif parts:
            found.append(
                f"# in {file} write {{persistentVolumeClaim: {{claimName: CLAIM}}, subPath: FOLDER}} for each {{local: ...}}, then"
            )
            found.append(f"parallelrun datasets register {shlex.quote(file)} -n NAMESPACE")
        at = "-n NAMESPACE --claim CLAIM/FOLDER" + (" --glob FILE" if self.is_file else "")
        return found + [self._named(at, number) for number in self._elsewhere()]

    def _elsewhere(self) -> List[Optional[int]]:
        """Numbers of versions whose place is not known; None: any number will do."""
        if not self.versions and not self.numbers:
            return [] if self.is_output else [None]
        return [number for number in sorted(self.numbers) if number > len(self.versions)]

    def _named(self, options: str, number: Optional[int]) -> str:
        words = ["parallelrun datasets register", self.name, options]
        words += ["--type tabular"] if self.kind == "tabular" else []
        words += [f"--version {number}"] if number is not None else []
        return " ".join(words)


def asset(path: Any, line: int, what: str, report: Report) -> Optional[AssetName]:
    """The data asset that `path` names; None: it names none."""
    match = re.fullmatch(r"azureml:(?!/)([^:@]+)(?:([:@])(.*))?", str(path)) or re.fullmatch(
        r"azureml://registries/[^/]+/data/([^/]+)(?:/(versions|labels)/(.*))?", str(path)
    )
    if match is None:
        return None
    named, by, version = match.groups()
    return AssetName(named, _number(version if by in (":", "versions") else None, line, what, report))


def asset_by_name(name: str, version: Any, line: int, what: str, report: Report) -> AssetName:
    return AssetName(name, _number(None if version in (None, "latest") else version, line, what, report))


def _number(version: Any, line: int, what: str, report: Report) -> Optional[int]:
    if version is None:
        return None
    if re.fullmatch(r"[1-9]\d{0,8}", str(version)):
        return int(version)
    report.leave(line, f"{what} version", f"'{version}' is no whole number; the newest version is taken")
    return None


def dataset_of(name: str, line: int, report: Report) -> Registered:
    """The one of this name, made if there is none."""
    try:
        fitting = object_name(name)
    except ValueError:
        fitting = "data"
    if fitting != name:
        report.note(line, name, f"the dataset's name is '{fitting}', which a cluster takes too")
    found: Registered = report.datasets.setdefault(fitting, Registered(fitting))
    return found


def named(
    asset: AssetName, kind: Optional[str], line: int, report: Report, is_file: bool = False
) -> Registered:
    """A dataset whose place only Azure knows. `kind` None: that too. `is_file`: a single one."""
    dataset = dataset_of(asset.name, line, report)
    dataset.is_file = is_file
    dataset.kind = dataset.kind or kind
    if asset.version is not None and asset.version not in dataset.numbers:
        dataset.numbers.append(asset.version)
    if not dataset.versions:
        where = "FILE is where it lies" if is_file else "DIR is its folder"
        table = (
            "" if kind else "; of a table give --type tabular too, and --data-format if names do not tell it"
        )
        report.note(line, asset.name, f"it is registered in Azure; register it here too, {where}{table}")
    return dataset


def with_place(
    name: str,
    kind: str,
    places: List[Place],
    fields: Mapping[str, Any],
    about: Mapping[str, Any],
    line: int,
    report: Report,
) -> Tuple[Registered, Optional[int]]:
    """A dataset that the file registers, and the number of this version; None: it has none, which is reported. `about`:
    description and tags."""
    dataset = dataset_of(name, line, report)
    parts = [_part(at, fields) for at in places]
    version = {**(parts[0] if len(parts) == 1 else {"parts": parts}), **about}
    dataset.kind = dataset.kind or kind
    if dataset.kind != kind:
        report.leave(
            line,
            f"register('{name}')",
            f"'{name}' is {dataset.kind}, and all its versions must be; give this one another name",
        )
        return dataset, None
    if version not in dataset.versions:
        dataset.versions.append(version)
    return dataset, dataset.versions.index(version) + 1


def _part(at: Place, fields: Mapping[str, Any]) -> Dict[str, Any]:
    return {"source": at.source, **({"glob": at.glob} if at.glob else {}), **fields}


def names_in(manifests: "List[Dict[str, Any]]") -> "Tuple[str, ...]":
    """Of the datasets that jobs read."""
    entries = [
        entry
        for manifest in manifests
        for field in ("inputs", "sideInputs")
        for entry in manifest["spec"].get(field, [])
    ]
    return tuple(entry["source"]["dataset"]["name"] for entry in entries if "dataset" in entry["source"])
