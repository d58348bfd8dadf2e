"""As `azureml.data.dataset_type_definitions`."""

from parallelrun._workspace.dataset import PromoteHeadersBehavior

__all__ = ["PromoteHeadersBehavior"]
