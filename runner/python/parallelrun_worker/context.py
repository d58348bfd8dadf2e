"""What this process was told about its job: set once by the worker, read by the stand-ins."""


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
        self.summary_only = config.get("output_action") == "summary_only"
        self.side_inputs = dict(config.get("side_inputs") or {})
        self.inputs = list(config.get("inputs") or [])
        self.log_fd = log_fd


current = None
