"""Model.get_model_path: a registered model of ParallelRunStep is a side input here."""

from parallelrun_worker import context


class Model:
    @staticmethod
    def get_model_path(model_name, version=None, _workspace=None):
        """The path of the side input of that name. Raises ValueError, which lists the names there are.

        `version` is ignored: a side input is one version."""
        known = context.current.side_inputs
        if model_name in known:
            return known[model_name]
        names = ", ".join(sorted(known)) if known else "none"
        raise ValueError(
            "Model.get_model_path(%r): no side input has that name; spec.sideInputs has: %s"
            % (model_name, names)
        )
