"""As `azure.ai.ml.constants`."""

from parallelrun._components.values import AssetTypes, InputOutputModes

__all__ = ["AssetTypes", "InputOutputModes"]
