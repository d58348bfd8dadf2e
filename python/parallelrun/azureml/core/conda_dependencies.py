"""As `azureml.core.conda_dependencies`."""

from parallelrun._workspace.environment import CondaDependencies

__all__ = ["CondaDependencies"]
