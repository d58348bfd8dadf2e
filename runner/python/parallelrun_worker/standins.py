"""`azureml_user`, `azureml.core.Model` and `azureml.core.Run` for scripts written for ParallelRunStep.

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
    "azureml.core.run": "azureml/core/run.py",
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
        # A real azureml.core without `model` or `run` must not get ours.
        if name in ("azureml.core.model", "azureml.core.run") and not _is_ours(
            sys.modules.get("azureml.core")
        ):
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


_OFFERED = (
    "The runner replaces only azureml.core.Model.get_model_path(name), which returns the path of a side input, and "
    "Run.get_context() with log, log_list, log_row, log_table, tag, id and get_details"
)
_GENERAL = (
    "Read settings from sys.argv, return results from run(), and log with print or EntryScript().logger"
)
_OWN_FILES = (
    "Write files below EntryScript().log_dir, which are logs of the job, or below EntryScript().output_dir (with "
    "spec.output.mountOnWorkers: true)"
)
_PICTURES = "Save pictures and reports as files below EntryScript().log_dir, which are logs of the job"
_WORKSPACE = (
    "There is no workspace: a registered model is a side input (Model.get_model_path), data is an input or a side input, "
    "a secret is a variable (spec.environment.env)"
)
_DATA = (
    "Data of the job comes to run() from spec.inputs; for reference data, name a side input and read its path from "
    "sys.argv (spec.arguments: $(sideInputs.NAME))"
)
# The last word of a name -> the way around it.
_WAYS_AROUND = {
    **dict.fromkeys(("Workspace", "workspace", "Experiment", "experiment"), _WORKSPACE),
    **dict.fromkeys(
        ("Dataset", "dataset", "Datastore", "datastore", "input_datasets", "output_datasets"), _DATA
    ),
    **dict.fromkeys(("data", "dataprep", "opendatasets"), _DATA),
    **dict.fromkeys(
        ("get_secret", "get_secrets"),
        "A secret is a variable: name it in spec.environment.env, read os.environ",
    ),
    **dict.fromkeys(
        ("upload_file", "upload_files", "upload_folder", "download_file", "download_files"), _OWN_FILES
    ),
    **dict.fromkeys(("log_image", "log_confusion_matrix", "log_accuracy_table"), _PICTURES),
    **dict.fromkeys(("log_predictions", "log_residuals"), _PICTURES),
    "get_metrics": "What was logged is in logs/user/metrics.jsonl of the output directory",
}


def missing(name):
    """The message for a part of azureml that no stand-in has."""
    way = _WAYS_AROUND.get(name.rpartition(".")[2], _GENERAL)
    return (
        "%s is not here: azureml-core is not installed. %s. %s. If the script needs the real package, name it in "
        "spec.environment.requirements" % (name, _OFFERED, way)
    )


class Lacking(type):
    """Of a class that has a part of what the real one has."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(missing("azureml.core.%s.%s" % (cls._shown, name)))


MODEL_FOLDER = "AZUREML_MODEL_DIR"
OUTPUT_FOLDER = "AZUREML_BI_OUTPUT_PATH"


def name_folders(job):
    """The variables that a batch endpoint's script reads. What the job sets itself is left alone."""
    if job.output_dir:
        os.environ.setdefault(OUTPUT_FOLDER, job.output_dir)
    path = job.side_inputs.get("model")
    if path is None and len(job.side_inputs) == 1:
        (path,) = job.side_inputs.values()
    if path is not None:  # of a single file the variable names its folder, as it does there
        os.environ.setdefault(MODEL_FOLDER, os.path.dirname(path) if os.path.isfile(path) else path)


def why_unset(variable):
    """What to do where a script misses one of them; empty: it is none of them."""
    if variable == OUTPUT_FOLDER:
        return "the output directory is there for scripts only with spec.output.mountOnWorkers: true"
    if variable == MODEL_FOLDER:
        return "it is the path of the side input 'model', or of the only side input; name the model in spec.sideInputs"
    return ""


def install():
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
