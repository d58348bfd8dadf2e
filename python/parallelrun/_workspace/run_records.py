"""What a workspace keeps of its runs: `runs/ID/run.json`."""

import json
import os
from typing import Any, Dict, Iterator, List, Optional

from parallelrun._workspace.written import write_whole

Record = Dict[str, Any]


def keep(folder: str, record: Record) -> None:
    write_whole(os.path.join(folder, "runs", record["id"], "run.json"), json.dumps(record, indent=2) + "\n")


def records(folder: str) -> Iterator[Record]:
    """The newest first. Ids begin with the time."""
    try:
        ids: List[str] = sorted(os.listdir(os.path.join(folder, "runs")), reverse=True)
    except FileNotFoundError:
        return
    for each in ids:
        try:
            with open(os.path.join(folder, "runs", each, "run.json"), encoding="utf-8") as file:
                yield json.load(file)
        except FileNotFoundError:
            continue  # made this moment


def reusable(folder: str, manifest: Dict[str, Any], fingerprint: str) -> Optional[str]:
    """The output directory of the newest finished step with the same settings, files of code and data, where it still is.
    The runner has the last word on it."""
    for record in records(folder):
        for step in record["steps"]:
            same = step["status"] == "Finished" and step.get("fingerprint") == fingerprint
            if same and _settings(step["manifest"]) == _settings(manifest):
                if os.path.isdir(step["output"]):
                    return str(step["output"])
    return None


def _settings(manifest: Dict[str, Any]) -> Dict[str, Any]:
    """Without where the results go."""
    return {**manifest, "spec": {key: value for key, value in manifest["spec"].items() if key != "output"}}
