"""Model.get_model_path: a registered model of ParallelRunStep is a side input here."""

from parallelrun_worker import context, standins


class Model(metaclass=standins.Lacking):
    _shown = "Model"

    def __init__(self, *_, **__):
        raise NotImplementedError(standins.missing("azureml.core.Model(...)"))

    @staticmethod
    def get_model_path(model_name, version=None, _workspace=None):
        """The path of the side input of that name: a file where the side input is one, as a model that was
        registered from one file is, else a folder. Raises ValueError, which lists the names there are.

        `version` is ignored: a side input is one version."""
        known = context.current.side_inputs
        if model_name in known:
            return known[model_name]
        names = ", ".join(sorted(known)) if known else "none"
        raise ValueError(
            "Model.get_model_path(%r): no side input has that name; spec.sideInputs has: %s"
            % (model_name, names)
        )


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError(standins.missing("azureml.core.model." + name), name="azureml.core.model")
