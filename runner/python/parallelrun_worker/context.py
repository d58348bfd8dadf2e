"""What this process was told about its job: set once by the worker, read by the stand-ins. Processes that
multiprocessing spawns read what they need of it from an environment variable."""

import os

_VARIABLE = "PARALLELRUN_SCRIPT_CONTEXT"
_PUBLISHED = ("script", "logging_level", "agent_name", "process_name", "log_dir", "output_dir", "side_inputs")
_LONGEST = 100_000  # Linux takes no variable of more than 128 KiB


class JobContext:
    """The kConfig frame (docs/architecture.md, "Worker processes"), and where EntryScript's logger writes."""

    def __init__(self, config, log_fd):
        self.script = config["script"]
        self.argv = list(config.get("argv") or [])
        self.logging_level = config.get("logging_level") or "INFO"
        self.agent_name = config.get("agent_name") or ""
        self.process_name = config.get("process_name") or ""
        self.log_dir = config.get("log_dir")
        self.output_dir = config.get("output_dir")
        self.output_action = config.get("output_action") or "append_row"
        self.output_format = config.get("output_format") or "text"
        self.side_inputs = dict(config.get("side_inputs") or {})
        self.inputs = list(config.get("inputs") or [])
        self.log_fd = log_fd


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
