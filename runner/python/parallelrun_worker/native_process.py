"""What the second launcher asks of the C library; the embedded one does the same in C++."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent():
    """SIGKILL to this process when the agent's thread that started it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def flush_stdio():
    """A function that writes out what native code has left in stdio's buffers."""
    fflush = ctypes.CDLL(None).fflush
    fflush.argtypes = [ctypes.c_void_p]
    return lambda: fflush(None)
