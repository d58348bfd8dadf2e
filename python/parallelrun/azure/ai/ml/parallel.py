"""As `azure.ai.ml.parallel`."""

from parallelrun._components.component import parallel_run_function
from parallelrun._components.values import RunFunction

__all__ = ["RunFunction", "parallel_run_function"]
