"""Lines of text for numbers, several times faster than str() of each: libparallelrun_csv.so (runner/process/float_lines.h)."""

import array
import ctypes
import functools

from parallelrun_worker import csv_check

_LINE_BYTES = 24
# For fewer, loading the library costs more than it saves.
_WORTH_IT = 200


def of(values):
    """The lines as bytes, each as str() has it, for a list of floats or a contiguous numpy array of float64 (no kind
    of its own, such as a masked one).
    None: they are to be written in the usual way."""
    if len(values) < _WORTH_IT:
        return None
    if type(values) is list:
        if type(values[0]) is not float or set(map(type, values)) != {float}:
            return None
        values = array.array("d", values)
        address = values.buffer_info()[0]
    elif type(values).__module__ == "numpy" and values.flags.c_contiguous and values.dtype.isnative:
        address = values.ctypes.data
    else:
        return None
    function = _function()
    if function is None:
        return None
    out = ctypes.create_string_buffer(_LINE_BYTES * len(values))
    written = function(address, len(values), out)
    return None if written < 0 else ctypes.string_at(out, written)


@functools.lru_cache(maxsize=None)
def _function():
    function = getattr(csv_check.load().library, "parallelrun_float_lines", None)
    if function is not None:
        function.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_char_p]
        function.restype = ctypes.c_int64
    return function
