"""As `azureml.data`."""

from parallelrun._workspace.dataset import DataType, FileDataset, TabularDataset
from parallelrun._workspace.output import OutputFileDatasetConfig

__all__ = ["DataType", "FileDataset", "OutputFileDatasetConfig", "TabularDataset"]
