"""As `azureml.core.compute_target`."""

from parallelrun._workspace.compute import ComputeTargetException

__all__ = ["ComputeTargetException"]
