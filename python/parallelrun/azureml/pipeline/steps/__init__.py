"""As `azureml.pipeline.steps`."""

from parallelrun._workspace.step import ParallelRunConfig, ParallelRunStep

__all__ = ["ParallelRunConfig", "ParallelRunStep"]
