"""One mini-batch of a job again, in the foreground of a terminal: `parallelrun replay` starts it.

It is the worker process with another channel: what the agent would send stands in a file, and what the process would
answer is printed. So the script meets the same loading, readers and rules as in the job.
"""

import base64
import contextlib
import json
import os
import sys
from time import monotonic

from parallelrun_worker import children, frames, worker

_SHOWN_BYTES = 4096  # of the rows, on a terminal
_INTERRUPTED = 130


def main(descriptor, debug):
    """`descriptor` is that of a JSON file {"config", "inputInfo", "miniBatch", "input", "descriptor", "scratch"}; the
    mini-batch's descriptor is in base64, "scratch" is a folder for what the script writes. Returns the exit status: 0
    where run() returned an element for each item."""
    with open(descriptor, encoding="utf-8") as file:
        task = json.load(file)
    # The logger of the script, and what it logs of its run, which stays in no file.
    os.dup2(2, frames.ENTRY_LOG_FD, inheritable=False)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, frames.METRICS_FD, inheritable=False)
    os.close(nowhere)
    scratch = task["scratch"]
    for folder in ("output", "logs"):
        os.mkdir(os.path.join(scratch, folder))
    worker.make_streams_ready()
    children.begin()
    channel = _Foreground(task, debug)
    try:
        _Replaying(channel).work()
    except BaseException as error:  # noqa: B036
        if children.is_child():
            children.leave(error)
        raise
    finally:
        _clear(scratch)
    return channel.status


def _clear(scratch):
    """Removes what is empty: the rest is what the script wrote."""
    for folder in ("output", "logs", ""):
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(scratch, folder))
    if os.path.exists(scratch):
        _say("what the script wrote is in %s" % scratch)


class _Replaying(worker.Worker):
    """Keeps what run() returned, for formats whose rows nobody can read."""

    def _start(self, config):
        started = super()._start(config)
        if started:
            self._encoder = _Noting(self._encoder, self._channel)
            self._channel.run = self._script.run
        return started


class _Noting:
    def __init__(self, encoder, channel):
        self._encoder = encoder
        self._channel = channel

    def encode(self, result, along=None):
        self._channel.returned = result
        return self._encoder.encode(result, along)


class _Foreground:
    """What frames.Channel is to a worker, without an agent."""

    def __init__(self, task, debug):
        self._task = task
        self._debug = debug
        self._frames = self._sent()
        self._owner = os.getpid()
        self._began = 0.0
        self._seconds = None
        self.run = None
        self.returned = None
        self.status = 1

    def _sent(self):
        yield frames.CONFIG, json.dumps(self._task["config"]).encode()
        if self._task["inputInfo"] is not None:
            yield frames.INPUT_INFO, json.dumps(self._task["inputInfo"]).encode()
        descriptor = base64.b64decode(self._task["descriptor"])
        yield frames.RUN, self._task["miniBatch"], self._task["input"], descriptor
        yield frames.SHUTDOWN, b""

    def next(self):
        return next(self._frames, None)

    def hold_back(self, **_):
        pass

    def stamp_load(self):
        pass

    stamp_init = stamp_idle = stamp_load

    def enter_run(self, items):
        _say("run() gets %s" % _counted(items, "item"))
        if self._debug:
            _stop_in(self.run)
        self._began = monotonic()

    def leave_run(self):
        sys.settrace(None)
        self._seconds = monotonic() - self._began
        return os.getpid() == self._owner

    def result(self, items, returned, rows):
        if self._seconds is None:
            self.status = 0
            return _say("this mini-batch has no item, so run() is not called")
        _say(
            "run() returned %s for %s in %.3f s"
            % (_counted(returned, "element"), _counted(items, "item"), self._seconds)
        )
        if returned < items:
            _say(
                "%s failed: run() returned fewer elements than it got items"
                % _counted(items - returned, "item")
            )
        if rows and self._task["config"]["output_format"] != "parquet":
            shown = rows
        else:
            shown = ("%s\n" % (self.returned,)).encode("utf-8", "backslashreplace") if returned else b""
        if self._show(shown):
            self.status = 0 if returned >= items else 1

    def _show(self, rows):
        """Whether they could be written."""
        sys.stdout.flush()
        shown = rows
        if os.isatty(1) and len(rows) > _SHOWN_BYTES:
            shown = rows[: rows.rfind(b"\n", 0, _SHOWN_BYTES) + 1] or rows[:_SHOWN_BYTES] + b"\n"
        try:
            rest = memoryview(shown)
            while rest:
                rest = rest[os.write(1, rest) :]
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                _say("standard output cannot be written: %s" % error.strerror)
            return False
        if len(shown) < len(rows):
            _say("there are %d bytes more; in a pipe or a file you get all" % (len(rows) - len(shown)))
        return True

    def failed(self, items, error):
        failure = json.loads(error)
        if self._debug and failure["type"] == "BdbQuit":
            return _say("you left the debugger")
        self._tell(failure)

    def send(self, kind, payload):
        if kind == frames.INIT_FAILED:
            self._tell(json.loads(payload))
        elif kind == frames.BYE and json.loads(payload).get("error"):
            self._tell(json.loads(payload)["error"])

    def _tell(self, failure):
        self.status = _INTERRUPTED if failure["type"] == "KeyboardInterrupt" else 1
        if failure.get("traceback"):
            sys.stderr.write(failure["traceback"].rstrip("\n") + "\n")
        _say(
            "%s failed: %s: %s"
            % (_NAMES.get(failure["phase"], failure["phase"]), failure["type"], failure["message"])
        )
        if self._debug and self.status != _INTERRUPTED:
            _post_mortem()


_NAMES = {
    "load": "loading the script",
    "init": "init()",
    "read": "reading the mini-batch",
    "run": "run()",
    "result": "writing the result of run()",
    "shutdown": "shutdown()",
}


def _say(words):
    with contextlib.suppress(OSError, ValueError):  # the script may have closed it
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("replay: %s\n" % words)
        sys.stderr.flush()


def _counted(number, noun):
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")


def _stop_in(run):
    """pdb waits at the first line of the script's run()."""
    import inspect
    import pdb

    from parallelrun_worker import context

    debugger = pdb.Pdb()
    script = os.path.realpath(context.current.script)
    # run() may be one of another module; where it takes its context by keyword, this is a function of ours.
    code = getattr(inspect.unwrap(run), "__code__", None)
    if code is not None and code.co_filename == worker.entry_module.__file__:
        code = None

    def at_call(frame, event, _):
        found = frame.f_code
        named = found.co_name == "run" and found.co_filename == script
        if event != "call" or not (named or found is code):
            return None
        sys.settrace(None)
        debugger.set_trace(frame)
        return debugger.trace_dispatch

    sys.settrace(at_call)


def _post_mortem():
    """Where the script raised, if it did."""
    import pdb

    from parallelrun_worker.failures import ContractError, script_frames

    error = sys.exc_info()[1]
    trace = None if error is None or isinstance(error, ContractError) else script_frames(error)
    if trace is not None:
        pdb.post_mortem(trace)
