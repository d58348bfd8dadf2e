"""As `azure.ai.ml.entities`."""

from parallelrun._components.data import Data
from parallelrun._components.values import Environment

__all__ = ["Data", "Environment"]
