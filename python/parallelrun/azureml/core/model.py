"""As `azureml.core.model`."""

from parallelrun._workspace.model import Model

__all__ = ["Model"]
