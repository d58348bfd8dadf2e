"""What a script says of its run (azureml.core.Run.log and the like): lines of logs/user/metrics.jsonl.

A record leaves this process in one message of the metrics socket, so lines of several threads and of forked children are
never mixed, and what was logged outlives the process. The orchestrator adds agent, node and process, and alone writes
the file.
"""

import json
import os
import sys
from math import isinf, isnan
from threading import Lock
from time import gmtime, strftime, time_ns

from parallelrun_worker import context

_LONGEST = 60_000  # bytes of a line; as metrics_log.cpp has it
_LONGEST_NAME = 200  # characters
_encode = json.JSONEncoder(check_circular=False, allow_nan=False, separators=(",", ":")).encode
_lock = Lock()
_told = set()  # what stderr has been told of


def record(kind, name, value, description="", step=None):
    """Never raises for what the value is: a record that is too long stands there without its value."""
    name = str(name)[:_LONGEST_NAME]
    line = {"time": _now(), "kind": kind, "name": name, "value": _plain(value, 0)}
    if step is not None:
        line["step"] = _plain(step, 0)
    if description:
        line["description"] = str(description)
    job = context.current
    if job.mini_batch is not None:
        line["mini_batch"] = job.mini_batch
    line["pid"] = os.getpid()
    data = _encode(line).encode("ascii")
    if len(data) > _LONGEST:
        line["value"] = None
        line.pop("description", None)
        line["left_out"] = len(data)
        _tell(
            name,
            "the %s %r needs %d bytes, and a line of logs/user/metrics.jsonl holds %d: its value is left out; log a part "
            "of it, or write it to a file below EntryScript().log_dir" % (kind, name, len(data), _LONGEST),
        )
        if len(_encode(line)) > _LONGEST:
            line.pop("step", None)
        data = _encode(line).encode("ascii")
    _send(job.metrics_fd, data + b"\n")


def _send(fd, data):
    if fd is None:
        _tell(
            None,
            "this process was spawned by the script, so what it logs with Run is here and not in logs/user/metrics.jsonl; "
            "log it in the process that calls run()",
        )
        sys.stderr.write(data.decode("ascii"))
        return
    try:
        os.write(fd, data)
    except OSError as error:
        _tell(
            "descriptor",
            "what the script logs with Run cannot be sent: %s; has it closed file descriptor %d?"
            % (error.strerror, fd),
        )


def _tell(what, words):
    """On stderr, once for each `what`."""
    with _lock:
        if what in _told or len(_told) > 1000:
            return
        _told.add(what)
    sys.stderr.write("parallelrun: %s\n" % words)


def _now():
    seconds, nanoseconds = divmod(time_ns(), 1_000_000_000)
    return "%s.%06dZ" % (strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds)), nanoseconds // 1000)


def _plain(value, depth):
    """The value, made of what JSON has. Numbers that JSON cannot hold are the texts that float() reads."""
    if value is None or isinstance(value, (bool, str)):
        return _text(value) if isinstance(value, str) else value
    if isinstance(value, int):
        # More digits than Python writes are no number of a metric.
        return int(value) if value.bit_length() <= 4096 else _text(hex(value))
    if isinstance(value, float):
        if isnan(value):
            return "NaN"
        if isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return float(value)
    if depth > 8:
        return _text(value)
    if isinstance(value, dict):
        return {_text(key): _plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one, depth + 1) for one in value]
    for convert in ("tolist", "item"):  # of numpy, pandas, torch and others: a number, or lists of numbers
        method = getattr(value, convert, None)
        if callable(method):
            try:
                return _plain(method(), depth + 1)
            except Exception:  # noqa: S112: one that is called the same and is something else
                continue
    return _text(value)


def _text(value):
    try:
        text = str(value)
    except Exception as error:
        text = "(str() of it raised %s)" % type(error).__name__
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
