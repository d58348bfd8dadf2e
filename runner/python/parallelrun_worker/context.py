"""What this process was told about its job: set once by the worker, read by the stand-ins. Processes that
multiprocessing spawns read what they need of it from an environment variable."""

import os

_VARIABLE = "PARALLELRUN_SCRIPT_CONTEXT"
_PUBLISHED = (
    "script",
    "job_name",
    "logging_level",
    "agent_name",
    "process_name",
    "log_dir",
    "output_dir",
    "side_inputs",
)
_LONGEST = 100_000  # Linux takes no variable of more than 128 KiB


class JobContext:
    """The kConfig frame (docs/architecture.md, "Worker processes"), and where EntryScript's logger and Run.log write."""

    def __init__(self, config, log_fd, metrics_fd=None):
        self.script = config["script"]
        self.job_name = config.get("job_name") or ""
        self.argv = list(config.get("argv") or [])
        self.logging_level = config.get("logging_level") or "INFO"
        self.agent_name = config.get("agent_name") or ""
        self.process_name = config.get("process_name") or ""
        self.log_dir = config.get("log_dir")
        self.output_dir = config.get("output_dir")
        self.output_action = config.get("output_action") or "append_row"
        self.output_format = config.get("output_format") or "text"
        self.add_context = bool(config.get("add_context"))
        self.output_columns = list(config.get("output_columns") or [])
        self.side_inputs = dict(config.get("side_inputs") or {})
        self.inputs = list(config.get("inputs") or [])
        self.log_fd = log_fd
        self.metrics_fd = metrics_fd
        self.mini_batch = None  # its number, while run() works on it


current = None


def publish(job):
    """For the processes that the script will spawn."""
    import json

    text = json.dumps({name: getattr(job, name) for name in _PUBLISHED})
    if len(text) < _LONGEST:
        os.environ[_VARIABLE] = text


def published():
    """The JobContext of the worker that spawned this process, its logger on stderr; None where there is none."""
    import json

    text = os.environ.get(_VARIABLE)
    return JobContext(json.loads(text), 2) if text else None
