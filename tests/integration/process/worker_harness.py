"""Plays the agent to one worker process: starts it as docs/architecture.md says, and speaks the channel."""

import fcntl
import json
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from checkout import BUILD

PACKAGE = BUILD / "bin" / "python"
EMBEDDED = BUILD / "bin" / "parallelrun-worker"

CONFIG, INPUT_INFO, RUN, INFER_TYPES, SHUTDOWN = 1, 2, 3, 4, 5
READY, INIT_FAILED, RESULT, FAILED, TYPES, BYE = 16, 17, 18, 19, 20, 21
IDLE, LOADING, IN_RUN, FINISHING, INIT, CUT = range(6)

# Generous, for a loaded machine: no test waits for it unless it fails.
PATIENCE = float(os.environ.get("P", 120.0))


def packed(data):
    return struct.pack("<I", len(data)) + data


def below(root, path):
    """A path as descriptors have it; inputs of these tests lie in the root of the file system."""
    path = os.fsencode(path)
    assert path.startswith(root)
    return path[len(root) :]


def file_set(*paths):
    """A FileSet descriptor, one group for each directory in the order of the paths."""
    groups = []
    for path in paths:
        path = below(b"/", path)
        name = path.rsplit(b"/", 1)[-1]
        directory = path[: len(path) - len(name)]
        if not groups or groups[-1][0] != directory:
            groups.append((directory, []))
        groups[-1][1].append(name)
    body = b"".join(packed(directory) + packed(b"\0".join(names)) for directory, names in groups)
    return b"\x01" + struct.pack("<I", len(groups)) + body


FILE_SET, CSV_SLICE, JSON_LINES_SLICE = 1, 2, 3
BY_SIZE, BY_BYTES, BY_ENDS, CHANGED = range(4)


def csv_slice(path, offset, length, first_row, records, header, hashed=0, check=BY_SIZE, kind=CSV_SLICE):
    return (
        bytes([kind])
        + packed(below(b"/", path))
        + struct.pack(
            "<QQQQQQB",
            offset,
            length,
            first_row,
            records,
            os.stat(path).st_size,
            hashed,
            check,
        )
        + packed(header)
    )


def json_lines_slice(path, offset, length, first_row, records, hashed=0, check=BY_SIZE):
    return csv_slice(path, offset, length, first_row, records, b"", hashed, check, JSON_LINES_SLICE)


class Launcher:
    """One way to start a worker process: `python` is the environment's python3."""

    def __init__(self, name, python, embedded):
        self.name, self.python, self.embedded = name, str(python), embedded

    def command(self):
        return (
            [str(EMBEDDED)]
            if self.embedded
            else [self.python, str(PACKAGE / "parallelrun_worker" / "__main__.py")]
        )

    def __repr__(self):
        return self.name


class Answer:
    """A frame of the process, taken apart."""

    def __init__(self, kind, payload):
        self.kind, self.payload = kind, payload
        self.task = self.items = self.returned = None
        self.rows = self.error = self.json = None
        if kind in (RESULT, FAILED):
            self.task, self.started_us, self.duration_us, self.process_us, self.run_us = struct.unpack_from(
                "<QqQQQ", payload
            )
            if kind == RESULT:
                self.items, self.returned = struct.unpack_from("<QQ", payload, 40)
                self.rows = payload[56:]
            else:
                (self.items,) = struct.unpack_from("<Q", payload, 40)
                self.error = json.loads(payload[48:])
        elif kind == TYPES:
            (self.task,) = struct.unpack_from("<Q", payload)
            self.json = json.loads(payload[8:])
        else:
            self.json = json.loads(payload) if payload else None

    def __repr__(self):
        return "Answer(kind=%d, %r)" % (self.kind, self.payload[:2000])


class WorkerProcess:
    """Kills the process when it goes out of its `with` block."""

    def __init__(self, launcher, entry, environment=None, **config):
        entry = Path(entry)
        ours, theirs = socket.socketpair()
        log_read, log_write = os.pipe()
        metrics_read, metrics_write = (
            end.detach() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        )
        stamp = os.memfd_create("stamp")
        os.ftruncate(stamp, mmap.PAGESIZE)
        self.page = mmap.mmap(stamp, mmap.PAGESIZE)
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        self.socket = ours
        self._buffer = b""
        self._out, self._err, self._log, self._metrics = out_read, err_read, log_read, metrics_read
        self._pipes = {fd: bytearray() for fd in (out_read, err_read, log_read, metrics_read)}
        inherited = [theirs.fileno(), log_write, stamp, metrics_write]

        def place():
            # First out of the way of 3 to 6, onto numbers that nothing has yet, then there.
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 7) for fd in inherited]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
                os.close(fd)

        variables = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "PARALLELRUN_PYTHON_PATH": str(PACKAGE),
            "PARALLELRUN_PYTHON_EXECUTABLE": launcher.python,
        }
        variables.update(environment or {})
        self.process = subprocess.Popen(
            launcher.command(),
            stdin=subprocess.DEVNULL,
            stdout=out_write,
            stderr=err_write,
            cwd=entry.parent,
            env=variables,
            preexec_fn=place,
            close_fds=False,
            start_new_session=True,
        )
        theirs.close()
        for fd in (log_write, stamp, metrics_write, out_write, err_write):
            os.close(fd)
        settings = {
            "script": str(entry),
            "job_name": "test-job",
            "argv": [],
            "logging_level": "INFO",
            "agent_name": "agent000",
            "process_name": "process000",
            "log_dir": None,
            "output_dir": None,
            "output_action": "append_row",
            "side_inputs": {},
            "inputs": [{"name": "files", "kind": FILE_SET}],
            "hold_back": {
                "short_task_ns": 250_000,
                "short_tasks": 16,
                "hold_ns": 500_000,
                "hold_bytes": 1 << 16,
            },
        }
        settings.update(config)
        settings["inputs"] = [{"directory": "/", **entry} for entry in settings["inputs"]]
        self.send(CONFIG, json.dumps(settings).encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.socket.close()
        self.page.close()
        for fd in self._pipes:
            os.close(fd)

    # -- frames
    def send(self, kind, payload=b""):
        self.send_raw(struct.pack("<IB", len(payload), kind) + payload)

    def send_raw(self, data):
        view = memoryview(data)
        while view:
            self._pump(0)
            try:
                view = view[self.socket.send(view, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                select.select([self.socket] + list(self._pipes), [self.socket], [], PATIENCE)

    def run_frame(self, task, descriptor, mini_batch=0, input_index=0):
        payload = struct.pack("<QQI", task, mini_batch, input_index) + descriptor
        return struct.pack("<IB", len(payload), RUN) + payload

    def answer(self, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while True:
            if len(self._buffer) >= 5:
                size, kind = struct.unpack_from("<IB", self._buffer)
                if len(self._buffer) >= 5 + size:
                    payload = self._buffer[5 : 5 + size]
                    self._buffer = self._buffer[5 + size :]
                    return Answer(kind, payload)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no answer; stderr: %s" % self.stderr())
            if not self._pump(left):
                raise EOFError("the process closed the channel; stderr: %s" % self.wait_and_stderr())

    def ready(self):
        answer = self.answer()
        assert answer.kind == READY, (answer, self.stderr())
        return answer

    def run(self, descriptor, task=1, mini_batch=0, input_index=0):
        self.send_raw(self.run_frame(task, descriptor, mini_batch, input_index))
        return self.answer()

    def shutdown(self):
        self.send(SHUTDOWN)
        answer = self.answer()
        assert answer.kind == BYE, answer
        return answer, self.process.wait(PATIENCE)

    # -- what else the agent sees
    def stamp(self):
        return struct.unpack_from("<QQQQ", self.page)

    def wait_for(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "waited in vain; stderr: %s" % self.stderr()
            self._pump(0.01)

    def stdout(self):
        return self._text(self._out)

    def stderr(self):
        return self._text(self._err)

    def entry_log(self):
        return self._text(self._log)

    def metrics(self):
        """What the script logged with Run, each message one line."""
        return [json.loads(line) for line in self._text(self._metrics).splitlines()]

    def wait_and_stderr(self):
        self.process.wait(PATIENCE)
        return self.stderr()

    def kill(self, signal_number=signal.SIGKILL):
        self.process.send_signal(signal_number)

    def _text(self, fd):
        while self._drain(fd):
            pass
        return self._pipes[fd].decode("utf-8", "surrogateescape")

    def _drain(self, fd):
        if not select.select([fd], [], [], 0)[0]:
            return False
        chunk = os.read(fd, 1 << 16)
        self._pipes[fd] += chunk
        return bool(chunk)

    def _pump(self, patience):
        """Takes in what there is. False at the end of the channel."""
        readable = select.select([self.socket] + list(self._pipes), [], [], patience)[0]
        for fd in self._pipes:
            if fd in readable:
                self._drain(fd)
        if self.socket in readable:
            try:
                chunk = self.socket.recv(1 << 18)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                return False
            self._buffer += chunk
        return True
