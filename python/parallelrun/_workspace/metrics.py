"""What scripts log with Run: lines of logs/user/metrics.jsonl, as Azure's SDK gives them back."""

import json
from typing import Any, Dict, Iterable, List, Optional


def metrics(path: str, name: Optional[str] = None) -> Dict[str, Any]:
    """What is in that file; empty where nothing was logged."""
    try:
        with open(path, encoding="utf-8") as file:
            return metrics_in(file, name)
    except FileNotFoundError:
        return {}


def metrics_in(lines: Iterable[str], name: Optional[str] = None) -> Dict[str, Any]:
    """By name the value; a list where it was logged several times. Rows of a table are its columns, as lists.

    Tags are no metrics. `name`: only that one.
    """
    found: Dict[str, List[Any]] = {}
    for line in lines:
        said = json.loads(line)
        if said.get("kind") not in (None, "tag") and name in (None, said["name"]):
            found.setdefault(said["name"], []).append(said["value"])
    return {key: values[0] if len(values) == 1 else _together(values) for key, values in found.items()}


def _together(values: List[Any]) -> Any:
    if not all(isinstance(value, dict) for value in values):
        return values
    columns = dict.fromkeys(column for value in values for column in value)
    return {column: [value.get(column) for value in values] for column in columns}
