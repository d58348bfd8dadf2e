"""The columns of JSON lines that are plain: read by libparallelrun_csv.so (runner/process/json_read.h, where it is written
down what that is), in about a twentieth of the processor time of Python's json module. All else is left to it, with NotPlain."""

import ctypes

from parallelrun_worker import freed_memory
from parallelrun_worker.json_decoder import DECODER, TwiceError

INT64, UINT64, FLOAT64, BOOL, STRING, TEXT, ANY, NOTHING = range(8)
# Beyond, what each column costs here is more than what it saves.
_MOST_COLUMNS = 1000
_VALUES = {INT64: "int64", UINT64: "uint64", FLOAT64: "float64", BOOL: "bool"}
_TEXTS = (STRING, TEXT, ANY)


class NotPlain(Exception):
    """`line`: number of the first line that is not, from 0 in the slice; None: it is not one line."""

    def __init__(self, line=None):
        super().__init__(line)
        self.line = line


class _Key(ctypes.Structure):
    _fields_ = [("column", ctypes.c_uint64), ("text", ctypes.c_void_p), ("size", ctypes.c_uint64)]


class _Column(ctypes.Structure):
    _fields_ = [
        ("key", ctypes.c_char_p),
        ("key_size", ctypes.c_uint64),
        ("kind", ctypes.c_uint32),
        ("values", ctypes.c_void_p),
        ("present", ctypes.c_void_p),
        ("begins", ctypes.c_void_p),
        ("gaps", ctypes.c_uint64),
        ("row", ctypes.c_uint64),
        ("next", _Key),
    ]


def load(library):
    """A Reader, or None where there is no library. `library`: as of csv_check.load()."""
    if library is None or not hasattr(library, "parallelrun_json_read"):
        return None
    freed_memory.keep()
    return Reader(library)


class Reader:
    def __init__(self, library):
        text, pointer, u64 = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_uint64
        self._count = library.parallelrun_json_count
        self._count.argtypes = [text, u64]
        self._count.restype = u64
        self._read = library.parallelrun_json_read
        self._read.argtypes = [text, u64, ctypes.POINTER(_Column), u64, pointer, u64, pointer, u64]
        self._read.restype = ctypes.c_int
        self._gather = library.parallelrun_json_gather
        self._gather.argtypes = [text, ctypes.c_uint32, pointer, pointer, u64, pointer]
        self._gather.restype = None

    def read(self, data, kinds):
        """A Slice of all columns that may be in the data. `kinds`: {name: one of the constants above}. Raises NotPlain."""
        import numpy

        if len(kinds) > _MOST_COLUMNS:
            raise NotPlain
        rows = self._count(data, len(data))
        if rows == 0:
            raise NotPlain
        columns = (_Column * len(kinds))()
        found = {}
        for column, (name, kind) in zip(columns, kinds.items()):
            one = found[name] = _Found(kind, rows, numpy)
            column.key = key = name.encode("utf-8", "surrogatepass")
            column.key_size, column.kind = len(key), kind
            column.values, column.present, column.begins = map(
                _address, (one.values, one.present, one.begins)
            )
        lines = numpy.empty(rows, "uint32")
        slots = numpy.empty(2 << len(kinds).bit_length(), "uint32")
        done = self._read(
            data, len(data), columns, len(kinds), _address(slots), len(slots), _address(lines), rows
        )
        if not done:
            raise NotPlain(int(lines[0]))
        for column, one in zip(columns, found.values()):
            one.gaps = column.gaps
        return Slice(data, lines, found, self._gather)


class _Found:
    """What the library fills for one column."""

    __slots__ = ("kind", "values", "present", "begins", "gaps")

    def __init__(self, kind, rows, numpy):
        self.kind = kind
        self.present = numpy.empty(rows, "bool")
        self.values = self.begins = None
        if kind in _TEXTS:
            self.values, self.begins = numpy.empty(rows + 1, "int64"), numpy.empty(rows, "uint32")
        elif kind != NOTHING:
            self.values = numpy.empty(rows, _VALUES[kind])


def _address(array):
    return None if array is None else array.ctypes.data


class Slice:
    """`lines`: the number of the line of each object, from 0."""

    def __init__(self, data, lines, columns, gather):
        self.lines = lines
        self._data, self._columns, self._gather = data, columns, gather

    def __len__(self):
        return len(self.lines)

    def gaps(self, name):
        """An array of bools, one for each object."""
        return ~self._columns[name].present

    def numbers(self, name):
        """The array of a column of numbers or bools; 0 for a gap."""
        return self._columns[name].values

    def texts(self, name):
        """(all texts of a column, one behind the other, as an array of bytes; where each begins, and the last ends)"""
        import numpy

        one = self._columns[name]
        text = numpy.empty(int(one.values[-1]), "uint8")
        self._gather(
            self._data, one.kind, _address(one.begins), _address(one.values), len(self), _address(text)
        )
        return text, one.values

    def arrow_texts(self, name, arrow):
        """The same as an array of pyarrow."""
        import numpy

        one = self._columns[name]
        text, offsets = self.texts(name)
        valid = arrow.py_buffer(numpy.packbits(one.present, bitorder="little")) if one.gaps else None
        buffers = [valid, arrow.py_buffer(offsets), arrow.py_buffer(text)]
        made = arrow.Array.from_buffers(arrow.large_string(), len(self), buffers, int(one.gaps))
        return arrow.chunked_array([made])

    def list_of_texts(self, name):
        """The same as strings of Python; an empty one for a gap."""
        text, offsets = self.texts(name)
        text, ends = text.tobytes(), offsets.tolist()
        whole = text.decode()
        if len(whole) == len(text):
            return [whole[begin:end] for begin, end in zip(ends, ends[1:])]
        return [text[begin:end].decode() for begin, end in zip(ends, ends[1:])]

    def values(self, name):
        """A list of what a column of any values holds, None for a gap. Raises NotPlain."""
        text, _ = self.texts(name)
        try:
            values = DECODER.decode("[%s]" % text[:-1].tobytes().decode())
        except (ValueError, RecursionError, TwiceError):  # Python's reading of the line will say what it is
            raise NotPlain from None
        present = iter(values)
        return [next(present) if there else None for there in self._columns[name].present.tolist()]
