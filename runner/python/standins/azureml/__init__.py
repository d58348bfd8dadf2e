"""Stand-in for the part of azureml that entry scripts import where azureml-core is not installed."""


def __getattr__(name):
    if name.startswith("__") or name == "core":
        raise AttributeError(name)
    from parallelrun_worker import standins

    raise ImportError(standins.missing("azureml." + name), name="azureml")
