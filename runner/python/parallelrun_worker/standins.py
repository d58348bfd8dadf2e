"""`azureml_user` and `azureml.core.Model` for scripts written for ParallelRunStep.

The finder stands last in sys.meta_path: whatever is installed under these names wins. Where only other
parts of `azureml` are installed, `azureml.core` alone is ours.
"""

import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader

_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "standins")
_FILES = {
    "azureml_user": "azureml_user/__init__.py",
    "azureml_user.parallel_run": "azureml_user/parallel_run.py",
    "azureml": "azureml/__init__.py",
    "azureml.core": "azureml/core/__init__.py",
    "azureml.core.model": "azureml/core/model.py",
}


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        file = _FILES.get(name)
        if file is None:
            parent = name.rpartition(".")[0]
            if parent in ("azureml", "azureml.core") and _is_ours(sys.modules.get(parent)):
                raise ModuleNotFoundError(missing(name), name=name)
            return None
        # A real azureml.core without `model` must not get ours.
        if name == "azureml.core.model" and not _is_ours(sys.modules.get("azureml.core")):
            return None
        file = os.path.join(_FOLDER, file)
        package = file.endswith("__init__.py")
        spec = ModuleSpec(name, SourceFileLoader(name, file), origin=file, is_package=package)
        spec.has_location = True
        if package:
            spec.submodule_search_locations = []
        return spec


def _is_ours(module):
    return str(getattr(module, "__file__", "")).startswith(_FOLDER + os.sep)


def missing(name):
    """The message for a part of azureml that no stand-in has."""
    return (
        "%s is not here: azureml-core is not installed. The runner replaces only azureml.core.Model.get_model_path(name), "
        "which returns the path of a side input. Read settings from sys.argv, return results from run(), and log with "
        "print or EntryScript().logger. If the script needs the real package, name it in spec.environment.requirements"
        % name
    )


def install():
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
