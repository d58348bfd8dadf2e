"""As `azureml.core.runconfig`."""

from parallelrun._workspace.environment import DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE

__all__ = ["DEFAULT_CPU_IMAGE", "DEFAULT_GPU_IMAGE"]
