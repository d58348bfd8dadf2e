"""EntryScript: the script's way to its log and to what it should know about where it runs."""

import logging
import os
import time

from parallelrun_worker import context


class _PipeHandler(logging.Handler):
    """Each record in one write, so that it is in the log even if the process dies in the next moment."""

    def __init__(self, fd):
        super().__init__()
        self._fd = fd

    def emit(self, record):
        try:
            data = memoryview((self.format(record) + "\n").encode("utf-8", "backslashreplace"))
            while data:
                data = data[os.write(self._fd, data) :]
        except Exception:
            self.handleError(record)


def _make_logger(job):
    logger = logging.getLogger("EntryScript")
    handler = _PipeHandler(job.log_fd)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    logger.setLevel(job.logging_level)
    logger.propagate = False
    return logger


class EntryScript:
    """One object in each process; EntryScript() gives it."""

    _instance = None

    def __new__(cls):
        if cls._instance is None:
            instance = super().__new__(cls)
            instance._job = context.current
            instance._logger = _make_logger(instance._job)
            cls._instance = instance
        return cls._instance

    @property
    def logger(self):
        """Writes to logs/user/entry_script_log; its level is spec.loggingLevel."""
        return self._logger

    @property
    def log_dir(self):
        """A folder for logs of the script's own; made when first asked for."""
        if self._job.log_dir:
            os.makedirs(self._job.log_dir, exist_ok=True)
        return self._job.log_dir

    @property
    def agent_name(self):
        return self._job.agent_name

    @property
    def output_dir(self):
        """The output directory where it is mounted on workers, else None."""
        return self._job.output_dir
