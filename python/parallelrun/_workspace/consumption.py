"""A dataset as an input of a step: with a name, and for a side input perhaps a place where it is mounted."""

import copy
from typing import Any, Optional

from parallelrun._workspace.accepted import accepted


class DatasetConsumptionConfig:
    """What `dataset.as_named_input(name)` gives. Among `arguments` it stands for the path."""

    def __init__(
        self, name: Optional[str], dataset: Any, mode: str = "direct", path_on_compute: Optional[str] = None
    ) -> None:
        self.name = name
        self.dataset = dataset
        self.mode = mode
        self.path_on_compute = path_on_compute

    def as_mount(self, path_on_compute: Optional[str] = None) -> "DatasetConsumptionConfig":
        """On a cluster it is mounted at that path. On one machine nothing is mounted: arguments get the real path."""
        return self._as("mount", path_on_compute)

    def as_download(self, path_on_compute: Optional[str] = None) -> "DatasetConsumptionConfig":
        """As as_mount: data is read where it lies."""
        accepted("as_download()", "nothing is copied; data is read where it lies, as with as_mount()")
        return self._as("mount", path_on_compute)

    def as_direct(self) -> "DatasetConsumptionConfig":
        return self._as("direct", None)

    def as_hdfs(self) -> "DatasetConsumptionConfig":
        raise ValueError("as_hdfs() is not supported; use as_mount()")

    def _as(self, mode: str, path: Optional[str]) -> "DatasetConsumptionConfig":
        other = copy.copy(self)
        other.mode, other.path_on_compute = mode, path
        return other

    def __repr__(self) -> str:
        return f"<DatasetConsumptionConfig {self.name}: {self.dataset!r}>"
