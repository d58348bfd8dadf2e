"""As `azure.ai.ml`."""

from parallelrun._components.client import MLClient
from parallelrun._components.values import Input, Output

__all__ = ["Input", "MLClient", "Output"]
