"""The channel to the agent, in Python: the same format as runner/channel/frames.h, and the same interface
as the built-in module `_parallelrun_channel` of the embedded launcher (runner/process/channel_module.cpp).
"""

import mmap
import os
import select
import struct
import sys
from time import monotonic_ns, process_time_ns, time_ns

CONFIG = 1
INPUT_INFO = 2
RUN = 3
INFER_TYPES = 4
SHUTDOWN = 5
READY = 16
INIT_FAILED = 17
RESULT = 18
FAILED = 19
TYPES = 20
BYE = 21
SKIPPED = 22

CHANNEL_FD = 3
ENTRY_LOG_FD = 4
STAMP_FD = 5
METRICS_FD = 6

MAX_FRAME_BYTES = 1 << 30

_IDLE, _LOADING, _IN_RUN, _FINISHING, _INIT, _CUT = range(6)
_PHASE, _TASK, _SINCE, _ITEMS, _TAKEN_BACK = range(5)  # 8-byte fields of the stamp page

_HEADER = struct.Struct("<IB")
_RUN_HEAD = struct.Struct("<QQI")
_RESULT_HEAD = struct.Struct("<IBQqQQQQQ")
_FAILED_HEAD = struct.Struct("<IBQqQQQQ")
_SKIPPED_FRAME = struct.Struct("<IBQ")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class Channel:
    """One end of the channel and the stamp page. Not thread-safe: the main thread alone uses it."""

    def __init__(self, channel_fd, stamp_fd, flush_native=None):
        self._fd = channel_fd
        self._owner = os.getpid()
        self._stamp = memoryview(mmap.mmap(stamp_fd, 0)).cast("Q")
        self._flush_native = flush_native
        self._identity = identity(channel_fd)
        self._poll = select.poll()
        self._poll.register(channel_fd, select.POLLIN)
        self._in = b""
        self._at = 0
        self._out = []
        self._out_bytes = 0
        self._out_since = 0
        self._short_tasks = 0
        self.hold_back(short_task_ns=0, short_tasks=0, hold_ns=0, hold_bytes=0)
        self._begun = 0  # tasks so far, those that were taken back among them
        self._task = self._started_us = self._started_ns = self._started_cpu = self._run_ns = 0

    def hold_back(self, *, short_task_ns, short_tasks, hold_ns, hold_bytes):
        """At the start, before the first result: what the agent's configuration says. See
        runner/channel/hold_back.h."""
        self._short_task_ns = short_task_ns
        self._many_short_tasks = short_tasks
        self._hold_ns = hold_ns
        self._hold_bytes = hold_bytes

    def next(self):
        """The next frame: (kind, payload), or for RUN (kind, mini_batch, input, descriptor). None at the end of
        the stream. A RUN starts the clock of its task and stamps it."""
        while True:
            at = self._at
            have = len(self._in) - at
            if have >= 5:
                size, kind = _HEADER.unpack_from(self._in, at)
                if size > MAX_FRAME_BYTES:
                    raise ValueError("a frame of %d bytes is larger than a frame may be" % size)
                if have >= 5 + size:
                    self._at = at + 5 + size
                    if kind == RUN and size >= _RUN_HEAD.size:
                        if not self._take_up(at + 5):
                            continue
                        return self._begin(at + 5, self._at)
                    if kind in (RUN, INFER_TYPES, SHUTDOWN):
                        self.flush()
                    if kind == INFER_TYPES and size >= _U64.size and not self._take_up(at + 5):
                        continue
                    return kind, self._in[at + 5 : self._at]
            if self._out and not self._poll.poll(0):
                self.flush()
            chunk = os.read(self._fd, 1 << 18)
            if not chunk:
                return None
            if have == 0:
                self._in = chunk
            elif have < 1 << 18:
                self._in = self._in[at:] + chunk
            else:
                self._in = self._read_large(at, chunk)
            self._at = 0

    def _read_large(self, at, chunk):
        """The rest of a frame that needs many reads, joined once."""
        size, _ = _HEADER.unpack_from(self._in, at)
        parts = [self._in[at:], chunk]
        missing = 5 + min(size, MAX_FRAME_BYTES) - len(parts[0]) - len(chunk)
        while missing > 0:
            chunk = os.read(self._fd, min(missing, 1 << 20))
            if not chunk:
                break
            parts.append(chunk)
            missing -= len(chunk)
        return b"".join(parts)

    def _take_up(self, at):
        """Stamps the task that stands at `at`. False: the agent has taken it back, which is said to it."""
        now = monotonic_ns()
        # Before the stamp: results of others that cannot be sent are no fault of this task.
        if self._out and (
            self._short_tasks < self._many_short_tasks or now - self._out_since > self._hold_ns
        ):
            self.flush()
            now = monotonic_ns()
        (task,) = _U64.unpack_from(self._in, at)
        stamp = self._stamp
        stamp[_SINCE] = now
        stamp[_PHASE] = _LOADING
        stamp[_ITEMS] = 0
        stamp[_TASK] = task
        self._begun += 1
        if self._begun <= stamp[_TAKEN_BACK]:
            stamp[_PHASE] = _IDLE
            self._out.append(_SKIPPED_FRAME.pack(_U64.size, SKIPPED, task))
            return False
        self._task = task
        self._started_ns = now
        return True

    def _begin(self, at, end):
        _, mini_batch, input_index = _RUN_HEAD.unpack_from(self._in, at)
        self._started_us = time_ns() // 1000
        self._started_cpu = process_time_ns()
        self._run_ns = 0
        return RUN, mini_batch, input_index, self._in[at + _RUN_HEAD.size : end]

    def stamp_load(self):
        """The entry script is about to be imported."""
        self._stamp[_SINCE] = monotonic_ns()
        self._stamp[_PHASE] = _LOADING

    def stamp_init(self):
        """init() is about to be called."""
        self._stamp[_SINCE] = monotonic_ns()
        self._stamp[_PHASE] = _INIT

    def stamp_idle(self):
        self._stamp[_SINCE] = monotonic_ns()
        self._stamp[_PHASE] = _IDLE

    def enter_run(self, items):
        stamp = self._stamp
        stamp[_ITEMS] = items
        now = monotonic_ns()
        stamp[_SINCE] = now
        self._run_ns = -now
        stamp[_PHASE] = _IN_RUN

    def leave_run(self):
        """run() has returned or raised. Also flushes the buffers of C's stdio. False in a child that the script
        has forked, which has no say."""
        if os.getpid() != self._owner:
            return False
        now = monotonic_ns()
        self._run_ns += now
        self._stamp[_SINCE] = now
        self._stamp[_PHASE] = _FINISHING
        if self._flush_native is not None:
            self._flush_native()
        return True

    def result(self, items, returned, rows):
        """ConnectionAbortedError, as of failed(): the task has closed or replaced the channel."""
        duration, cpu = self._end()
        self._push(
            _RESULT_HEAD.pack(
                56 + len(rows),
                RESULT,
                self._task,
                self._started_us,
                duration,
                cpu,
                self._run_ns // 1000,
                items,
                returned,
            ),
            rows,
        )

    def failed(self, items, error):
        """`error`: JSON, as bytes."""
        duration, cpu = self._end()
        self._push(
            _FAILED_HEAD.pack(
                48 + len(error),
                FAILED,
                self._task,
                self._started_us,
                duration,
                cpu,
                self._run_ns // 1000,
                items,
            ),
            error,
        )

    def send(self, kind, payload):
        """Any other frame: sent at once, after the results that were held back."""
        self._out.append(_HEADER.pack(len(payload), kind))
        self._out.append(payload)
        self.flush()

    def flush(self):
        if not self._out or os.getpid() != self._owner:
            return  # a child that the script has forked has a copy of what is held back
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out = []
        self._out_bytes = 0
        sent = os.write(self._fd, data)
        if sent < len(data):
            rest = memoryview(data)[sent:]
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def _end(self):
        now = monotonic_ns()
        duration = now - self._started_ns
        self._short_tasks = self._short_tasks + 1 if duration < self._short_task_ns else 0
        if not self._out:
            self._out_since = now
        return duration // 1000, max(0, process_time_ns() - self._started_cpu) // 1000

    def _push(self, head, body):
        # Found out here, it costs the task that did it, and not those whose results are still held.
        if identity(self._fd) != self._identity:
            self._stamp[_PHASE] = _CUT
            raise ConnectionAbortedError("the channel to the agent was closed or replaced")
        self._out.append(head)
        self._out.append(body)
        self._out_bytes += len(head) + len(body)
        if self._out_bytes > self._hold_bytes:
            self.flush()
        self.stamp_idle()


def identity(fd):
    """What a descriptor stands for, or None when it is closed."""
    try:
        stat = os.fstat(fd)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


_FS_ENCODING = sys.getfilesystemencoding()
_FS_ERRORS = sys.getfilesystemencodeerrors()


def decode_files(data, root):
    """The paths of a FileSet descriptor (runner/input/file_set.h), or None when it is broken. `root` (bytes) goes
    before each of them."""
    paths = []
    at, end = 5, len(data)
    if data[:1] != b"\x01":
        return None
    try:
        (groups,) = _U32.unpack_from(data, 1)
        for _ in range(groups):
            (size,) = _U32.unpack_from(data, at)
            at += 4 + size
            directory = data[at - size : at]
            (names_size,) = _U32.unpack_from(data, at)
            at += 4 + names_size
            if at > end:
                return None
            if names_size:
                directory = (root + directory).decode(_FS_ENCODING, _FS_ERRORS)
                names = data[at - names_size : at].decode(_FS_ENCODING, _FS_ERRORS).split("\0")
                paths += [directory + name for name in names]
    except struct.error:
        return None
    return paths if at == end else None
