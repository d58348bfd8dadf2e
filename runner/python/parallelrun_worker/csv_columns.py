"""The columns of a slice without quotes, as pyarrow's arrays: read by libparallelrun_csv.so
(runner/process/csv_read.h, where the forms of values that it takes are written down)."""

import ctypes

INT64, UINT64, FLOAT64, BOOL, TEXT = range(5)
# Beyond, what each column costs here is more than what it costs pyarrow.csv.
MOST_COLUMNS = 1000


class _Column(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_uint32),
        ("has_gaps", ctypes.c_uint32),
        ("values", ctypes.c_void_p),
        ("present", ctypes.c_void_p),
        ("begins", ctypes.c_void_p),
        ("gaps", ctypes.c_uint64),
    ]


class _Gaps(ctypes.Structure):
    _fields_ = [
        ("texts", ctypes.c_char_p),
        ("lengths", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
    ]


def load(library, arrow, gaps):
    """A ColumnReader, or None where there is no library. `gaps`: the texts that mean a gap."""
    if library is None or not hasattr(library, "parallelrun_csv_read"):
        return None
    return ColumnReader(library, arrow, gaps)


class ColumnReader:
    def __init__(self, library, arrow, gaps):
        import numpy

        self._arrow, self._numpy = arrow, numpy
        u64 = ctypes.c_uint64
        self._read = library.parallelrun_csv_read
        self._read.argtypes = [
            ctypes.c_char_p,
            u64,
            ctypes.c_char,
            ctypes.POINTER(_Gaps),
            ctypes.POINTER(_Column),
            u64,
            u64,
        ]
        self._read.restype = ctypes.c_int
        self._gather = library.parallelrun_csv_gather
        self._gather.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, u64, ctypes.c_void_p]
        self._gather.restype = None
        texts = [text.encode("utf-8", "surrogatepass") for text in gaps]
        self._lengths = (ctypes.c_uint32 * len(texts))(*map(len, texts))
        self._gaps = _Gaps(b"".join(texts), ctypes.addressof(self._lengths), len(texts))
        # Offsets of 64 bits in both: what is made of them is not kept where pandas has objects.
        self._types = {
            INT64: ("int64", arrow.int64()),
            UINT64: ("uint64", arrow.uint64()),
            FLOAT64: ("float64", arrow.float64()),
            BOOL: ("uint8", arrow.bool_()),
        }

    def read(self, data, delimiter, kinds, text_has_gaps, rows):
        """An array for each of `kinds`, or None where pyarrow.csv has to look. `delimiter`: a byte."""
        numpy = self._numpy
        columns = (_Column * len(kinds))()
        arrays = []
        for column, kind in zip(columns, kinds):
            present = numpy.empty(rows, "uint8")
            begins = None
            if kind == TEXT:
                values, begins = numpy.empty(rows + 1, "int64"), numpy.empty(rows, "uint32")
                column.begins = begins.ctypes.data
                column.has_gaps = text_has_gaps
            else:
                values = numpy.empty(rows, self._types[kind][0])
            column.kind, column.values, column.present = kind, values.ctypes.data, present.ctypes.data
            arrays.append((values, present, begins))
        if not self._read(data, len(data), delimiter, ctypes.byref(self._gaps), columns, len(kinds), rows):
            return None
        return [self._array(data, column, *parts, rows) for column, parts in zip(columns, arrays)]

    def _array(self, data, column, values, present, begins, rows):
        arrow, numpy = self._arrow, self._numpy
        valid = arrow.py_buffer(numpy.packbits(present, bitorder="little")) if column.gaps else None
        if column.kind == TEXT:
            text = numpy.empty(int(values[-1]), "uint8")
            self._gather(data, begins.ctypes.data, values.ctypes.data, rows, text.ctypes.data)
            buffers = [valid, arrow.py_buffer(values), arrow.py_buffer(text)]
            made = arrow.Array.from_buffers(arrow.large_string(), rows, buffers, int(column.gaps))
        else:
            if column.kind == BOOL:
                values = numpy.packbits(values, bitorder="little")
            made = arrow.Array.from_buffers(
                self._types[column.kind][1], rows, [valid, arrow.py_buffer(values)], int(column.gaps)
            )
        return arrow.chunked_array([made])
