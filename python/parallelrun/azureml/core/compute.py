"""As `azureml.core.compute`."""

from parallelrun._workspace.compute import AmlCompute, ComputeTarget

__all__ = ["AmlCompute", "ComputeTarget"]
