"""Rows of floats are what str() writes, bit for bit, whichever way they are made."""

import math
import random
import struct
import sys

import numpy
import pytest
from checkout import BUILD
from worker_harness import PACKAGE

sys.path.insert(0, str(PACKAGE))
from parallelrun_worker import float_lines, text_rows  # noqa: E402

MANY = 200  # for fewer the usual way is taken


def texts(values):
    return "".join(str(value) + "\n" for value in values).encode()


@pytest.fixture(autouse=True)
def library(monkeypatch):
    monkeypatch.setenv("PARALLELRUN_CSV_LIBRARY", str(BUILD / "bin/python/libparallelrun_csv.so"))
    float_lines._function.cache_clear()
    yield
    float_lines._function.cache_clear()


def decimals(seed):
    random.seed(seed)
    for _ in range(100):
        places = random.choice(range(19))
        size = 10.0 ** random.choice(range(-5, 17))
        yield [round(random.uniform(-size, size), places) for _ in range(300)]


@pytest.mark.parametrize("seed", range(5))
def test_decimals_of_any_length(seed):
    fast = 0
    for values in decimals(seed):
        lines = float_lines.of(values)
        fast += lines is not None
        assert lines in (None, texts(values))
        for value in values[:20]:
            assert float_lines.of([value] * MANY) in (None, texts([value] * MANY)), repr(value)
    assert fast >= 20


def test_bits_at_random():
    random.seed(7)
    for _ in range(5000):
        (value,) = struct.unpack("d", random.randbytes(8))
        assert float_lines.of([value] * MANY) in (None, texts([value] * MANY)), repr(value)


def beside(value):
    return (
        [math.nextafter(value, -math.inf), value, math.nextafter(value, math.inf)]
        if hasattr(math, "nextafter")
        else [value]
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_ends_of_the_fast_way(sign):
    known = [
        0.0,
        1.0,
        0.5,
        999999999999999.0,
        1e14,
        0.1,
        0.0001,
        12345.678,
        0.000123456789012345,
        math.inf,
        math.nan,
    ]
    for value in known:
        assert float_lines.of([sign * value] * MANY) == texts([sign * value] * MANY), repr(value)
    slow = [0.1 + 0.2, 1e15, 5e-324, 1e22, 9.999999999999999e-05]
    for value in slow:
        assert float_lines.of([sign * value] * MANY) is None, repr(value)
    for value in (*known, *slow, 1e-4, 0.001, 0.01, 1e15, 1e16, 2.0**53):
        for near in beside(sign * value):
            assert float_lines.of([near] * MANY) in (None, texts([near] * MANY)), repr(near)


def test_only_floats_take_it():
    assert float_lines.of([1.5] * MANY) is not None
    assert float_lines.of([1.5] * (MANY - 1)) is None
    for other in (1, True, "1.5", None, numpy.float64(1.5), numpy.float32(0.1)):
        assert float_lines.of([1.5] * MANY + [other]) is None
        assert float_lines.of([other] + [1.5] * MANY) is None


def test_arrays_in_any_layout():
    array = numpy.round(numpy.linspace(-3, 3, 1000), 3)
    assert float_lines.of(array) == texts(array.tolist())
    assert float_lines.of(array[::2]) is None and float_lines.of(array.astype(">f8")) is None
    encoder = text_rows.TextRows()
    for values in (array, array[::2], array.astype(">f8"), array.tolist(), array.astype("float32")):
        assert encoder.encode(values) == (len(values), texts(values))


def test_a_masked_array_keeps_its_mask():
    array = numpy.ma.masked_array(numpy.arange(300) * 0.5, mask=numpy.arange(300) % 3 == 0)
    assert float_lines.of(array) is None
    assert text_rows.TextRows().encode(array) == (300, texts(array.tolist()))


def test_without_the_library(monkeypatch):
    monkeypatch.setenv("PARALLELRUN_CSV_LIBRARY", "none")
    float_lines._function.cache_clear()
    assert float_lines.of([1.5] * MANY) is None
    assert text_rows.TextRows().encode([1.5] * MANY) == (MANY, texts([1.5] * MANY))
