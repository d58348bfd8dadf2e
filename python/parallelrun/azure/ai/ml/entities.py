"""As `azure.ai.ml.entities`."""

from parallelrun._components.values import Environment

__all__ = ["Environment"]
