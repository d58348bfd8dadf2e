"""As `azureml.core.run`."""

from parallelrun._workspace.runs import Run

__all__ = ["Run"]
