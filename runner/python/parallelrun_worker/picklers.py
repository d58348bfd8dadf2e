"""cloudpickle (joblib has a copy) takes functions of the script with it, as it does with those of the script that
`python3 script` runs: a process that knows nothing of the script gets them whole."""

import sys

_PICKLERS = ("cloudpickle", "joblib.externals.cloudpickle")


def take_with(module):
    """From now on, whenever a pickler is imported."""
    for name in _PICKLERS:
        _register(sys.modules.get(name), module)
    # First, since the finders behind it end the search.
    sys.meta_path.insert(0, _Finder(module))


def _register(pickler, module):
    register = getattr(pickler, "register_pickle_by_value", None)
    if register is not None:
        register(module)


class _Finder:
    def __init__(self, module):
        self._module = module

    def find_spec(self, name, path=None, target=None):
        if name not in _PICKLERS:
            return None
        for finder in sys.meta_path:
            if isinstance(finder, _Finder) or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    self._watch(spec.loader)
                return spec
        return None

    def _watch(self, loader):
        execute = loader.exec_module

        def exec_module(pickler):
            execute(pickler)
            _register(pickler, self._module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader of somebody's own
            pass
