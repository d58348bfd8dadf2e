"""As `azureml.core.dataset`."""

from parallelrun._workspace.dataset import Dataset

__all__ = ["Dataset"]
