"""Errors as the agent reads them: JSON {"phase", "type", "message", "traceback"}, and "permanent" or "undecided"
where they apply (runner/channel/frames.h)."""

import json
import os

from parallelrun_worker import last_words

_MESSAGE_LIMIT = 16 * 1024
_CAUSE_LIMIT = 300
_TRACEBACK_LIMIT = 64 * 1024
_OUR_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


class ContractError(Exception):
    """The script, its result or its data breaks a rule: the message says all, a traceback would not help.

    `name` is what the report calls the error's type."""

    permanent = False  # whether another try is known to end the same way
    items = None  # of a mini-batch that could not be read, where that is known
    undecided = None  # {column: type} of columns whose type the mini-batch is the first to tell

    def __init__(self, message, name="ContractError"):
        super().__init__(message)
        self.name = name


def encode_failure(phase, error):
    """The JSON of an exception, as bytes. Never raises for whatever the exception's own methods do."""
    if isinstance(error, ContractError):
        kind, message, trace = error.name, str(error), ""
    else:
        kind = type(error).__qualname__
        message = _message(error)
        trace = traceback_text(error)
    report = {
        "phase": phase,
        "type": printable(kind),
        "message": _bounded(printable(message), _MESSAGE_LIMIT),
        "traceback": _bounded(printable(trace), _TRACEBACK_LIMIT),
    }
    if isinstance(error, ContractError) and error.permanent:
        report["permanent"] = True
    if isinstance(error, ContractError) and error.undecided:
        report["undecided"] = error.undecided
    return json.dumps(report).encode("ascii")


def printable(text):
    """Without lone surrogates, which JSON readers refuse: the bytes of a file name come as \\xNN."""
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        pass
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _message(error):
    if isinstance(error, SystemExit):
        return _exit(error)
    return _of_exception(error) + _cause(error)


def _exit(error):
    """With what the script had to say: argparse, for one, writes it to stderr and exits with 2."""
    call = "the script called sys.exit(%s)" % ("" if error.code is None else _safe(repr, error.code))
    rule = "an entry script must return or raise an exception"
    said = last_words.lines()
    if said and not isinstance(error.code, str):
        return "%s (%s after it had written this to stderr; %s)" % (said, call, rule)
    return "%s%s; %s" % (call, _cause(error, error.__context__), rule)


def _cause(error, cause=None):
    """What an exception was raised from, in words, unless its own text has them."""
    cause = error.__cause__ or cause
    if cause is None:
        return ""
    # The text of some, such as those of other processes, is a whole traceback.
    words = _safe(str, cause).strip().strip('"').strip().split("\n")[-1][:_CAUSE_LIMIT]
    if words and words in _safe(str, error):
        return ""
    return ", caused by %s%s" % (type(cause).__qualname__, ": " + words if words else "")


def _of_exception(error):
    text = _safe(str, error)
    if isinstance(error, MemoryError):
        return "%sthere was not enough memory; to use less, lower miniBatchSize or processCountPerNode" % (
            text + "; " if text else ""
        )
    if type(error) is ModuleNotFoundError and text.startswith("No module named"):
        return text + "; name its package in spec.environment.requirements, or put it beside the script"
    if type(error) is KeyError and len(error.args) == 1:
        from parallelrun_worker import standins

        if why := isinstance(error.args[0], str) and standins.why_unset(error.args[0]):
            return "the environment variable %s is not set: %s" % (text, why)
    return text if text else "(no message)"


def _safe(convert, value):
    try:
        return convert(value)
    except BaseException as inner:  # noqa: B036: the user's __str__ may do anything
        return "(str() of it raised %s)" % type(inner).__name__


def traceback_text(error):
    """As Python prints it, without the frames of this package above the script's."""
    import traceback

    trace = script_frames(error)
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:  # noqa: B036
        return "".join(traceback.format_tb(trace)) + type(error).__qualname__ + "\n"


def script_frames(error):
    """Its traceback from the first frame that is not of this package; None where all of them are."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_ours(filename):
    return filename.startswith(_OUR_FOLDER) or filename.startswith("<frozen importlib")


def _bounded(text, limit):
    if len(text) <= limit:
        return text
    half = limit // 2
    return "%s\n... (%d characters are left out) ...\n%s" % (text[:half], len(text) - limit, text[-half:])
