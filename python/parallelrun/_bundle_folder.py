"""Where the programs lie that came with this package."""

import os


def program() -> str:
    """The path of `parallelrun`. It starts wherever it lies, with its own loader and libraries."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "_bundle", "bin", "parallelrun")
