"""As `azureml.core`."""

from parallelrun._workspace.compute import ComputeTarget
from parallelrun._workspace.dataset import Dataset
from parallelrun._workspace.datastore import Datastore
from parallelrun._workspace.environment import Environment
from parallelrun._workspace.model import Model
from parallelrun._workspace.pipeline import Experiment
from parallelrun._workspace.runs import Run
from parallelrun._workspace.workspace import Workspace

__all__ = [
    "ComputeTarget",
    "Dataset",
    "Datastore",
    "Environment",
    "Experiment",
    "Model",
    "Run",
    "Workspace",
]
