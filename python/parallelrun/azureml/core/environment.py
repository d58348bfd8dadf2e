"""As `azureml.core.environment`."""

from parallelrun._workspace.environment import CondaDependencies, Environment

__all__ = ["CondaDependencies", "Environment"]
