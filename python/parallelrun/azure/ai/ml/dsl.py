"""As `azure.ai.ml.dsl`."""

from parallelrun._components.client import pipeline

__all__ = ["pipeline"]
