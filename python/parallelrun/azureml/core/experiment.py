"""As `azureml.core.experiment`."""

from parallelrun._workspace.pipeline import Experiment

__all__ = ["Experiment"]
