"""What a mini-batch has freed serves the next one. glibc gives it back to the kernel, which clears it again page by
page: a fifth of the time of reading a slice."""

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT = 64 << 20
_LARGEST = 32 << 20  # the most that glibc takes from its heap


def keep():
    """Up to 64 MiB of it, for this process, unless its environment has settings of its own."""
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)
    except (OSError, AttributeError):  # another C library
        pass
