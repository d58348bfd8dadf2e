"""As `azureml.data.datapath`."""

from parallelrun._workspace.datastore import DataPath

__all__ = ["DataPath"]
