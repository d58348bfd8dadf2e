"""A PersistentVolumeClaim: where a job in a cluster finds its data and leaves its results."""

from dataclasses import dataclass
from typing import Any, Dict


@dataclass(frozen=True)
class Claim:
    """What `parallelrun.claim` gives: stands where a path stands on one machine."""

    name: str
    folder: str = ""

    def source(self) -> Dict[str, Any]:
        """As the manifest has it."""
        source: Dict[str, Any] = {"persistentVolumeClaim": {"claimName": self.name}}
        if self.folder:
            source["subPath"] = self.folder
        return source


def claim(name: str, folder: str = "") -> Claim:
    """A PersistentVolumeClaim of the namespace, and a folder of it: `parallelrun.claim("photos", "2026/may")`."""
    return Claim(name, folder.strip("/"))
