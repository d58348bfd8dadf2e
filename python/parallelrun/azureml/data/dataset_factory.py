"""As `azureml.data.dataset_factory`."""

from parallelrun._workspace.dataset import DataType

__all__ = ["DataType"]
