"""Two worker processes that must read each mini-batch alike, though in two ways: frames are compared cell by cell,
failures word by word."""

import json
import pickle

from csv_files import infer
from worker_harness import FAILED, INPUT_INFO, RESULT

# Cells with their types, floats bit by bit.
SHOW = """
import pickle, sys
def init(): pass
def cell(value):
    kind = type(value)
    return (kind.__module__ + "." + kind.__qualname__, value.hex() if kind is float else str(value))
def run(mini_batch, context):
    columns = [mini_batch.iloc[:, i] for i in range(mini_batch.shape[1])]
    shown = [list(map(str, mini_batch.columns)), type(mini_batch.columns).__name__, repr(mini_batch.index)]
    shown += [[repr(c.dtype), [cell(v) for v in c.tolist()], c.isna().tolist()] for c in columns]
    shown += [(c.to_numpy().tobytes(), c.to_numpy().flags.writeable) for c in columns if c.dtype == "float64"]
    with open(sys.argv[1], "wb") as out:
        pickle.dump(shown, out)
    for i in range(mini_batch.shape[1] if len(mini_batch) else 0):
        value = mini_batch.iloc[0, i]
        if not isinstance(value, (list, dict)):
            mini_batch.iloc[0, i] = value  # what is read can be written to
    return [str(context.rows)]
"""


class TwoReaders:
    def __init__(self, launcher, start, folder, inputs, environments):
        """`environments`: the variables of the usual process, and those of the other."""
        self.frames = [folder / "usual.pickle", folder / "other.pickle"]
        self.workers = []
        for frames, variables in zip(self.frames, environments):
            worker = start(
                launcher, SHOW, variables, argv=[str(frames)], inputs=inputs, logging_level="DEBUG"
            )
            worker.ready()
            self.workers.append(worker)

    def know(self, index, types, columns=None):
        info = {"input": index, "types": types, "columns": columns}
        for worker in self.workers:
            worker.send(INPUT_INFO, json.dumps(info).encode())

    def infer(self, samples, index):
        types = [infer(worker, samples, index) for worker in self.workers]
        assert types[0] == types[1]

    def run(self, descriptor, index, where):
        """The frame's columns, or what was said."""
        for frames in self.frames:
            frames.unlink(missing_ok=True)
        usual, plain = (worker.run(descriptor, input_index=index) for worker in self.workers)
        assert (usual.kind, usual.items) == (plain.kind, plain.items), (where, usual, plain)
        if usual.kind == FAILED:
            for answer in (usual, plain):
                answer.error.pop("traceback", None)
            assert usual.error == plain.error, where
            return usual.error["message"]
        assert usual.kind == RESULT, (where, usual)
        assert usual.rows == plain.rows, where
        if usual.items == 0:  # run() is not called over nothing
            return []
        shown = [pickle.loads(frames.read_bytes()) for frames in self.frames]
        assert len(shown[0]) == len(shown[1]), where
        for ours, theirs in zip(*shown):
            assert ours == theirs, where
        return shown[0]

    def said(self):
        """The lines of each on stderr, at their end."""
        for worker in self.workers:
            worker.shutdown()
        return [worker.stderr().splitlines() for worker in self.workers]
