"""tests/manifests/cases.yaml, as far as it concerns a server. The file itself says what its columns are."""

import copy
import re
from dataclasses import dataclass

import yaml
from checkout import REPOSITORY

TABLE = REPOSITORY / "tests" / "manifests" / "cases.yaml"


@dataclass(frozen=True)
class Case:
    name: str
    manifest: dict | None  # None where only text can show the case
    text: str
    one_machine: str  # the verdict of `parallelrun validate`
    expected: str  # of the server: valid, invalid, or client
    differs: str  # why, where the server's verdict is not the one of `parallelrun validate` for a cluster
    message: str

    @property
    def field(self):
        """The field that the message of `parallelrun validate` begins with, or an empty string."""
        found = re.match(r"((?:spec|metadata|sepc)[\w.\[\]]*): ", self.message)
        return found.group(1) if found else ""


def merged(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def rows():
    return _read()["cases"]


def _read():
    return yaml.safe_load(TABLE.read_text(encoding="utf-8"))


def base(name, patch=None):
    return merged(copy.deepcopy(_read()["bases"][name]), patch or {})


def cases():
    table = _read()
    for row in table["cases"]:
        manifest = None
        if "text" not in row:
            manifest = merged(copy.deepcopy(table["bases"][row.get("base", "file")]), row["patch"])
        server = row.get("server", {})
        yield Case(
            name=row["name"],
            manifest=manifest,
            text=row.get("text", ""),
            one_machine=row["verdict"],
            expected=server.get("verdict", row.get("cluster", row["verdict"])),
            differs=server.get("why", ""),
            message=row.get("message", ""),
        )
