"""As `azureml.data.dataset_consumption_config`."""

from parallelrun._workspace.consumption import DatasetConsumptionConfig

__all__ = ["DatasetConsumptionConfig"]
