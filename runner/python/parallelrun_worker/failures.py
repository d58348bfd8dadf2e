"""Errors as the agent reads them: JSON {"phase", "type", "message", "traceback"}."""

import json
import os

_MESSAGE_LIMIT = 16 * 1024
_TRACEBACK_LIMIT = 64 * 1024
_OUR_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


class ContractError(Exception):
    """The script, its result or its data breaks a rule: the message says all, a traceback would not help.

    `name` is what the report calls the error's type."""

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
        return "the script called sys.exit(%s); an entry script must return or raise" % (
            "" if error.code is None else _safe(repr, error.code)
        )
    text = _safe(str, error)
    if isinstance(error, MemoryError):
        return "%sthere was not enough memory; a smaller miniBatchSize or processCountPerNode needs less" % (
            text + "; " if text else ""
        )
    if type(error) is ModuleNotFoundError and text.startswith("No module named"):
        return text + "; name its package in spec.environment.requirements, or put it beside the script"
    return text if text else "(no message)"


def _safe(convert, value):
    try:
        return convert(value)
    except BaseException as inner:  # noqa: B036: the user's __str__ may do anything
        return "(its text cannot be had: %s)" % type(inner).__name__


def traceback_text(error):
    """As Python prints it, without the frames of this package above the script's."""
    import traceback

    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:  # noqa: B036
        return "".join(traceback.format_tb(trace)) + type(error).__qualname__ + "\n"


def _is_ours(filename):
    return filename.startswith(_OUR_FOLDER) or filename.startswith("<frozen importlib")


def _bounded(text, limit):
    if len(text) <= limit:
        return text
    half = limit // 2
    return "%s\n... (%d characters left out) ...\n%s" % (text[:half], len(text) - limit, text[-half:])
