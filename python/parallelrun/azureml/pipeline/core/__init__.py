"""As `azureml.pipeline.core`."""

from parallelrun._workspace.parameters import PipelineParameter
from parallelrun._workspace.pipeline import Pipeline
from parallelrun._workspace.runs import PipelineRun, StepRun

__all__ = ["Pipeline", "PipelineParameter", "PipelineRun", "StepRun"]
