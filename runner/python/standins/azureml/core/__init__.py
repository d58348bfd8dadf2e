"""Stand-in for the part of azureml that entry scripts import where azureml-core is not installed."""

from azureml.core.model import Model
from azureml.core.run import Run

__all__ = ["Model", "Run"]


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    from parallelrun_worker import standins

    raise ImportError(standins.missing("azureml.core." + name), name="azureml.core")
