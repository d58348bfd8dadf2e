"""As `azureml.data.tabular_dataset`."""

from parallelrun._workspace.dataset import TabularDataset

__all__ = ["TabularDataset"]
