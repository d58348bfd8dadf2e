"""As `azureml.core.datastore`."""

from parallelrun._workspace.datastore import Datastore

__all__ = ["Datastore"]
