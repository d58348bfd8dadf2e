"""The Python side of the channel (runner/python/parallelrun_worker/frames.py) under any bytes.

The frames that arrive in pieces of any size are those that a reader without buffers finds in the whole, file
sets decode as the format says or not at all, and what is answered arrives in order and complete.

As a program it is a target of atheris (libFuzzer for Python) and takes libFuzzer's options; check() alone needs
nothing but Python, and the stored corpus goes through it in tests/integration/process/test_frames_corpus.py.
"""

import mmap
import os
import socket
import struct
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOO_LARGE = "too large"
ROOT_OF_FILES = b"/in put/"


class Reader:
    """Takes fields off the front of bytes; ValueError where they end too early."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        if size > len(self.data):
            raise ValueError("too short")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self):
        return self.take(self.number("<I"))


def expected_files(data, root):
    """The paths of a FileSet below `root`, or None."""
    if data[:1] != b"\x01":
        return None
    reader = Reader(data[1:])
    paths = []
    try:
        for _ in range(reader.number("<I")):
            directory, names = reader.text(), reader.text()
            if names:
                paths += [os.fsdecode(root + directory + name) for name in names.split(b"\0")]
    except ValueError:
        return None
    return None if reader.data else paths


def expected_frames(frames, stream):
    """What next() gives one after the other, the last being None or TOO_LARGE."""
    reader = Reader(stream)
    found = []
    while True:
        try:
            size = reader.number("<I")
            kind = reader.number("<B")
            if size > frames.MAX_FRAME_BYTES:
                return [*found, TOO_LARGE]
            payload = reader.take(size)
        except ValueError:
            return [*found, None]
        if kind == frames.RUN and size >= 20:
            _, mini_batch, number = struct.unpack_from("<QQI", payload)
            found.append((kind, mini_batch, number, payload[20:]))
        else:
            found.append((kind, payload))


def sent_by(frames, answers):
    """The results among the bytes that the agent got: (kind, task, items, rest)."""
    reader = Reader(answers)
    results = []
    while reader.data:
        size, kind = reader.number("<I"), reader.number("<B")
        payload = reader.take(size)
        task = struct.unpack_from("<Q", payload)[0]
        if kind == frames.RESULT:
            results.append((kind, task, struct.unpack_from("<QQ", payload, 40), payload[56:]))
        else:
            assert kind == frames.FAILED, kind
            results.append((kind, task, struct.unpack_from("<Q", payload, 40), payload[48:]))
    return results


def write_in_pieces(agent, stream, piece):
    for at in range(0, len(stream), piece):
        agent.sendall(stream[at : at + piece])
    agent.shutdown(socket.SHUT_WR)


def read_all(agent):
    answers = b""
    while True:
        more = agent.recv(1 << 16)
        if not more:
            return answers
        answers += more


def talk(frames, stream, piece):
    """What next() gave, and what the agent got, where each RUN is answered. A packet is a piece."""
    agent, process = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stamp = os.memfd_create("stamp")
    os.truncate(stamp, mmap.PAGESIZE)
    writer = threading.Thread(target=write_in_pieces, args=(agent, stream, piece))
    writer.start()
    found, told = [], []
    channel = frames.Channel(process.fileno(), stamp)
    channel.hold_back(short_task_ns=10**9, short_tasks=2, hold_ns=10**9, hold_bytes=256)
    try:
        while not found or found[-1] is not None:
            found.append(channel.next())
            if found[-1] and found[-1][0] == frames.RUN and len(found[-1]) == 4:
                answer(frames, channel, found[-1], told)
        channel.flush()
    except ValueError as error:
        assert "larger than a frame may be" in str(error), error
        found.append(TOO_LARGE)
        channel.flush()
        while process.recv(1 << 16):  # the rest of what the agent writes
            pass
    writer.join()
    process.close()
    os.close(stamp)
    answers = read_all(agent)
    agent.close()
    return found, told, answers


def answer(frames, channel, frame, told):
    _, mini_batch, number, descriptor = frame
    files = frames.decode_files(descriptor, ROOT_OF_FILES)
    assert files == expected_files(descriptor, ROOT_OF_FILES), (files, descriptor)
    items = len(files or "")
    channel.enter_run(items)
    channel.leave_run()
    body = b"%d\n" % mini_batch * (number % 4)
    if mini_batch % 3 == 0:
        channel.failed(items, body)
        told.append((frames.FAILED, (items,), body))
    else:
        channel.result(items, number, body)
        told.append((frames.RESULT, (items, number), body))


def check(frames, data):
    if not data:
        return
    # An answer that nobody reads yet must fit into the socket.
    piece, stream = data[0] * 4 + 1, data[1:4096]
    found, told, answers = talk(frames, stream, piece)
    assert found == expected_frames(frames, stream), (found, stream)
    results = sent_by(frames, answers)
    assert [(kind, counts, body) for kind, _, counts, body in results] == told, (results, told)


def load():
    """The module under test."""
    sys.path.insert(0, str(ROOT / "runner" / "python"))
    from parallelrun_worker import frames

    return frames


def main():
    import atheris

    with atheris.instrument_imports(include=["parallelrun_worker"]):
        frames = load()
    atheris.Setup(sys.argv, lambda data: check(frames, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
