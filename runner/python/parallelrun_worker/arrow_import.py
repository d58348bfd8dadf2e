"""pyarrow, for what cannot do without it, and for what it makes faster."""

import sys

from parallelrun_worker.failures import ContractError

_OLDEST = 14


def import_pyarrow(needed_by):
    """With its parquet module. Raises ContractError, which begins with `needed_by`, where the environment has none, or
    an older one."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "pyarrow":
            reason = "has none"
        else:
            reason = "cannot import it: %s" % error
    else:
        if int(pyarrow.__version__.split(".")[0]) >= _OLDEST:
            return pyarrow
        reason = "has %s" % pyarrow.__version__
    raise ContractError(
        "%s needs pyarrow %d or newer, and the environment's python3 (%s) %s; add pyarrow to spec.environment.requirements"
        % (needed_by, _OLDEST, sys.executable, reason),
        "ModuleNotFoundError",
    )


def find_pyarrow():
    """With its compute module, or None where the environment has none that will do."""
    try:
        import pyarrow
        import pyarrow.compute

        return pyarrow if int(pyarrow.__version__.split(".")[0]) >= _OLDEST else None
    except (ImportError, AttributeError, ValueError):
        return None
