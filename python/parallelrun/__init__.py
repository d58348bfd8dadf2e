"""Batch inference over millions of files or table rows, from two Python functions: init() and run(mini_batch).

    import parallelrun

    job = parallelrun.run("score.py", inputs="images/", output="out/", mini_batch_size=20)
    job.results()       # a pandas.DataFrame, or a list without pandas

`run` waits for the end and shows the progress; `submit` comes back at once. In place of a script stand two
functions, `(init, run)`, or `run` alone; they may be written in a notebook. Settings are the fields of a
ParallelRunJob's spec in Python's spelling: `mini_batch_size` is `miniBatchSize` (docs/reference.md).
"""

TYPE_CHECKING = False  # `typing` alone would take ten times as long as the rest
if TYPE_CHECKING:
    from typing import Any

    from parallelrun._claim import claim
    from parallelrun._cluster import ClusterError
    from parallelrun._fields import FileFields, Settings, TableFields
    from parallelrun._inputs import files, table
    from parallelrun._job import Job, JobError
    from parallelrun._resubmit import resubmit
    from parallelrun._submit import run, submit

__all__ = [
    "ClusterError",
    "FileFields",
    "Job",
    "JobError",
    "Settings",
    "TableFields",
    "claim",
    "files",
    "resubmit",
    "run",
    "submit",
    "table",
]

# Loaded when they are first used: `import parallelrun` costs a millisecond.
_HOMES = {
    "ClusterError": "parallelrun._cluster",
    "claim": "parallelrun._claim",
    "FileFields": "parallelrun._fields",
    "Settings": "parallelrun._fields",
    "TableFields": "parallelrun._fields",
    "files": "parallelrun._inputs",
    "table": "parallelrun._inputs",
    "Job": "parallelrun._job",
    "JobError": "parallelrun._job",
    "resubmit": "parallelrun._resubmit",
    "run": "parallelrun._submit",
    "submit": "parallelrun._submit",
}


def __getattr__(name: str) -> "Any":
    if name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    if name == "__version__":
        from importlib.metadata import version

        return version("parallelrun")
    raise AttributeError(f"module 'parallelrun' has no attribute '{name}'")
