"""File inputs: a mini-batch is a list of absolute paths."""

from parallelrun_worker.failures import ContractError
from parallelrun_worker.readers import WithoutColumns

try:
    from _parallelrun_channel import decode_files
except ImportError:
    from parallelrun_worker.frames import decode_files


class FileList(WithoutColumns):
    def __init__(self, entry):
        self._root = entry["directory"].encode()

    def read(self, descriptor):
        paths = decode_files(descriptor, self._root)
        if paths is None:
            raise ContractError("the descriptor of the mini-batch cannot be decoded", "CorruptDescriptor")
        return paths, len(paths), None, None

    def places(self, descriptor, rows):
        return decode_files(descriptor, b""), None
