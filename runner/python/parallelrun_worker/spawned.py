"""A process that the script has spawned: multiprocessing with start method spawn or forkserver."""

import os
import sys

from parallelrun_worker import context, entry_module, standins


class _ScriptFinder:
    """Finds the script where it was loaded under a name of ours (entry_module.module_name). Stands last."""

    name = path = None

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != cls.name:
            return None
        from importlib.machinery import SourceFileLoader
        from importlib.util import spec_from_file_location

        return spec_from_file_location(name, cls.path, loader=SourceFileLoader(name, cls.path))


def prepare():
    """Before anything of the script is imported."""
    if context.current is not None:
        return
    job = context.published()
    if job is None:
        return
    context.current = job
    standins.install()
    _ScriptFinder.path = os.path.realpath(job.script)
    _ScriptFinder.name = entry_module.reserved_name(_ScriptFinder.path)
    sys.meta_path.append(_ScriptFinder)
