"""Run.get_context: what a script logs of its run, as an offline run of Azure ML takes it."""

from parallelrun_worker import context, metrics, standins


class Run(metaclass=standins.Lacking):
    """The one run of this process. What it logs are lines of logs/user/metrics.jsonl."""

    _shown = "Run"  # in messages, also of what is derived from it

    _current = None

    def __init__(self, *_, **__):
        raise NotImplementedError(standins.missing("azureml.core.Run(...)"))

    @classmethod
    def get_context(cls, allow_offline=True, used_for_context_manager=False, **_):
        if not allow_offline:
            raise RuntimeError(
                "Run.get_context(allow_offline=False): this job does not run in Azure ML, so there is only an offline "
                "run; call Run.get_context()"
            )
        if Run._current is None:
            run = object.__new__(_OfflineRun)
            run._tags = {}
            run._started = metrics._now()
            Run._current = run
        return Run._current

    @property
    def id(self):
        """The same in all processes of the job: "OfflineRun_" and the job's name."""
        return "OfflineRun_" + context.current.job_name

    def log(self, name, value, description="", step=None, **_):
        """One number or text."""
        metrics.record("scalar", name, value, description, step)

    def log_list(self, name, value, description="", **_):
        metrics.record("list", name, list(value), description)

    def log_row(self, name, description=None, **columns):
        """One row of a table: run.log_row("loss", epoch=1, train=0.5)."""
        metrics.record("row", name, columns, description)

    def log_table(self, name, value, description="", **_):
        """{column: [values]}."""
        metrics.record("table", name, value, description)

    def tag(self, key, value=None):
        self._tags[str(key)] = value if value is None else str(value)
        metrics.record("tag", key, value)

    def get_tags(self):
        """Those of this process."""
        return dict(self._tags)

    def get_details(self):
        return {
            "runId": self.id,
            "target": "local",
            "status": "Running",
            "startTimeUtc": self._started,
            "properties": {},
            "tags": self.get_tags(),
            "inputDatasets": [],
            "outputDatasets": [],
            "logFiles": {},
        }

    def flush(self, timeout_seconds=300):
        """What was logged has left this process already."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(standins.missing("azureml.core.Run." + name))


class _OfflineRun(Run):
    """Scripts ask isinstance(run, _OfflineRun) to learn that there is no workspace."""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError(standins.missing("azureml.core.run." + name), name="azureml.core.run")
