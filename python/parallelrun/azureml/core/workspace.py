"""As `azureml.core.workspace`."""

from parallelrun._workspace.workspace import Workspace

__all__ = ["Workspace"]
