"""As `azureml.data.file_dataset`."""

from parallelrun._workspace.dataset import FileDataset

__all__ = ["FileDataset"]
