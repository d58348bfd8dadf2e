"""Compute targets: there is one, this machine, or the cluster of a workspace that is a namespace."""

from typing import Any

from parallelrun._workspace.accepted import accepted


class ComputeTargetException(Exception):
    """Never raised: every name is this machine."""


class ComputeTarget:
    """Every compute target is this machine. `node_count` agents are started here."""

    type = "AmlCompute"

    def __init__(self, workspace: Any, name: str) -> None:
        self.workspace = workspace
        self.name = name
        accepted(f"compute target '{name}'", f"it stands for {_where(workspace)}")

    @classmethod
    def create(cls, workspace: Any, name: str, provisioning_configuration: Any = None) -> "ComputeTarget":
        target = object.__new__(cls)
        target.workspace = workspace
        target.name = name
        accepted(
            f"compute target '{name}'",
            "no machine is ordered; it stands for "
            + (
                "this one, where node_count agents are started"
                if workspace.cluster is None
                else _where(workspace)
            ),
        )
        return target

    def wait_for_completion(self, *_: Any, **__: Any) -> None:
        """This machine is there already."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.workspace.cluster or 'this machine'}>"


class AmlCompute(ComputeTarget):
    """As ComputeTarget."""

    @staticmethod
    def provisioning_configuration(**settings: Any) -> "dict[str, Any]":
        """Kept, and without effect: no machine is ordered."""
        return dict(settings)


def _where(workspace: Any) -> str:
    if workspace.cluster is None:
        return "this machine; node_count agents are started here"
    return f"{workspace.cluster}; node_count worker pods are started there"
