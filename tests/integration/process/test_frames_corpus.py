"""The stored corpus of the fuzz target tests/fuzz/frames.py, and a seeded thousand more of its kind."""

import importlib.util
import random
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parents[2] / "fuzz"


def load(path):
    spec = importlib.util.spec_from_file_location("fuzz_frames", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


target = load(FUZZ / "frames.py")
frames = target.load()
corpus = sorted((FUZZ / "corpus" / "frames").iterdir())


@pytest.mark.parametrize("path", corpus, ids=lambda path: path.name)
def test_stored_input(path):
    target.check(frames, path.read_bytes())


def test_changes_of_stored_inputs():
    random.seed(23)
    for _ in range(1000):
        data = bytearray(random.choice(corpus).read_bytes())
        for _ in range(random.randrange(1, 4)):
            at = random.randrange(len(data))
            data[at : at + random.randrange(3)] = random.randbytes(random.randrange(3))
            data = data or bytearray(1)
        target.check(frames, bytes(data))
