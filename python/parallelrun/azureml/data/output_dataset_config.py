"""As `azureml.data.output_dataset_config`."""

from parallelrun._workspace.output import OutputFileDatasetConfig

__all__ = ["OutputFileDatasetConfig"]
