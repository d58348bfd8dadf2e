"""Children of this process are not the worker.

A child that the script forks has the worker's whole stack. When it comes back into our code it ends there,
as `python script.py` would end: with the status that the script gave it, its streams written out, its threads
joined; but without the exit handlers, which are the parent's. It never speaks to the agent.
"""

import os
import sys
from _thread import get_ident

from parallelrun_worker.frames import CHANNEL_FD, identity

forked = False  # this is a child that Python forked: what is_child() says, but for free
_worker_pid = None
_worker_thread = None
_channel = None  # what descriptor 3 stands for


def begin():
    """Once, in the worker's main thread."""
    global _worker_pid, _worker_thread, _channel
    _worker_pid = os.getpid()
    _worker_thread = get_ident()
    _channel = identity(CHANNEL_FD)
    # A line that is not whole yet stands in its place once, and not again where the child ends.
    os.register_at_fork(before=flush_python_streams, after_in_child=_after_fork)


def is_child():
    """Also true after a fork() of native code, which runs no hook of Python's."""
    return os.getpid() != _worker_pid


def leave(error=None):
    """Ends this process. `error`: the exception that came back, or None."""
    status = 1
    try:
        status = _status(error)
        _join_threads()
    except BaseException:  # noqa: B036: a child never goes on
        status = 1
    finally:
        _flush()
        os._exit(status)


def flush_python_streams():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # noqa: B036: the script may have closed or replaced it
            pass


def _flush():
    flush_python_streams()
    try:
        from parallelrun_worker import native_process

        native_process.flush_stdio()()
    except BaseException:  # noqa: B036: a python3 without ctypes
        pass


def _status(error):
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        if isinstance(error.code, int):
            return error.code & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    from parallelrun_worker.failures import traceback_text

    sys.stderr.write(traceback_text(error))
    return 1


def _join_threads():
    threading = sys.modules.get("threading")
    if threading is None:
        return
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _after_fork():
    """In each child that Python forks, those of multiprocessing included."""
    global forked
    forked = True
    # Nobody there can write to it, and the agent sees its end as soon as the worker is gone.
    if _channel is not None and identity(CHANNEL_FD) == _channel:
        os.close(CHANNEL_FD)
    if get_ident() != _worker_thread:
        _leave_with_thread()


def _leave_with_thread():
    """A thread of the script has forked: the child lives in a copy of it and ends with it. Its function does
    not return into our code, but an exception does not have to look like success."""
    threading = sys.modules.get("threading")
    if threading is None or not hasattr(threading, "excepthook"):
        return
    thread = get_ident()
    usual = threading.excepthook

    def hook(args):
        if is_child() and get_ident() == thread:
            leave(args.exc_value if args.exc_value is not None else args.exc_type())
        usual(args)

    threading.excepthook = hook
