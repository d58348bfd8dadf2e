"""Objects of a store as files that pyarrow reads. The data process fetches what is read (parallelrun_data/server.py says
how it is asked): this program knows no credentials. No object is held as a whole."""

import json
import os
import socket
import struct
import time

from parallelrun_worker.grouped_schema import Trouble

_WINDOW = 4 << 20  # that is fetched at a time
_LEAST_WINDOW = 64 << 10
_TAIL = 64 << 10  # of a Parquet file: as a rule the footer
_GAP = 64 << 10  # what lies between two pieces that are fetched as one
_MOST_AHEAD = 64 << 20  # bytes of one request ahead
_FILES_AHEAD = 8
_PATIENCE = 60.0  # seconds: the launcher starts a data process again that has died
_MOST_LOST = 5  # connections without an answer
_NO_END = 7 * 24 * 3600.0  # the data process bounds its tries; room comes when mini-batches are done


class _Window:
    """Bytes of an object that were asked for. `known`: its (name, size, version); `ranges`: (begin, end) each."""

    def __init__(self, known, ranges, ahead):
        self.name = known[0]
        self.known = known
        self.ranges = ranges
        self.ahead = ahead
        self.number = None  # of the request
        self.held = False  # by the data process
        self.file = None  # a descriptor, once it is here
        self.error = None

    def end_of(self, at):
        """Where the range ends that has this byte; None: none has it."""
        return next((end for begin, end in self.ranges if begin <= at < end), None)


class StoredTables:
    """`objects`: by number (name, size or None, version)."""

    def __init__(self, socket_path, source, directory, objects):
        self._socket_path, self._source, self._directory = socket_path, source, directory
        self._objects = objects
        self._window = _WINDOW
        self._windows = []
        self._connection = None
        self._requests = 0

    def size(self, number):
        name, size, _ = self._objects[number]
        if size is None:
            raise Trouble("input", "the server does not tell the size of %s; copy it to a volume" % name)
        return size

    def open(self, number):
        return _StoredFile(self, number)

    def begin(self, number, whole):
        """This file is next: lets go of what was read before it, and asks for the ends of those behind it. `whole`: all
        of each that is small."""
        near = {self._objects[n][0] for n in range(number, min(number + _FILES_AHEAD, len(self._objects)))}
        self._release([one for one in self._windows if one.name not in near])
        for n in range(number, min(number + _FILES_AHEAD, len(self._objects))):
            name, size, _ = self._objects[n]
            if size and not any(one.name == name for one in self._windows):
                self._ask(n, [(0 if whole and size <= _WINDOW else max(0, size - _TAIL), size)], ahead=True)

    def expect(self, number, ranges, kept=()):
        """These bytes of a file will be read soon, and of what was asked for so before only `kept`. Gives what to keep."""
        name = self._objects[number][0]
        self._release(
            [one for one in self._windows if one.name == name and one not in kept and len(one.ranges) > 1]
        )
        merged = []
        for begin, end in sorted(ranges):
            if merged and begin - merged[-1][1] <= _GAP:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        merged = [(begin, end) for begin, end in merged if self._find(name, begin, end) is None]
        if not merged or sum(end - begin for begin, end in merged) > _MOST_AHEAD:
            return ()
        return (self._ask(number, merged, ahead=True),)

    def read(self, number, at, size):
        """Bytes [at, at + size), fewer only at the end of the object."""
        end = min(at + size, self.size(number))
        pieces = []
        while at < end:
            piece = self._read(number, at, end)
            pieces.append(piece)
            at += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # --- windows ---
    def _find(self, name, begin, end=None):
        for one in self._windows:
            until = one.end_of(begin) if one.name == name else None
            if until is not None and (end is None or until >= end):
                return one
        return None

    def _read(self, number, at, end):
        name, size, _ = self._objects[number]
        window = self._find(name, at)
        while True:
            if window is None:
                window = self._ask(number, [(at, min(at + self._window, size))], ahead=True)
            self._wait_for(window)
            if window.error is None:
                break
            kind, message = window.error
            if kind == "tooLarge" and self._window > _LEAST_WINDOW:
                self._window = max(_LEAST_WINDOW, self._window // 4)
            elif kind != "busy":
                raise Trouble("input" if kind in ("changed", "missing") else "io", message)
            # Who waits for room must not take any.
            self._release(list(self._windows))
            window = self._ask(number, [(at, min(at + self._window, size))], ahead=False)
        piece = os.pread(window.file, min(end, window.end_of(at)) - at, at)
        if not piece:
            raise Trouble("io", "%s cannot be read from the cache: it has become shorter" % name)
        # One window of a file that is read from front to back is enough.
        self._release(
            [
                one
                for one in self._windows
                if one is not window
                and one.name == name
                and len(one.ranges) == 1
                and one.ranges[0][1] <= at - _WINDOW
            ]
        )
        return piece

    def _ask(self, number, ranges, ahead):
        window = _Window(self._objects[number], ranges, ahead)
        self._windows.append(window)
        if self._connection is not None:
            self._send(window)
        return window

    def _release(self, windows):
        for window in windows:
            self._windows.remove(window)
            if window.held and self._connection is not None:
                self._say({"op": "release", "hold": window.number})
            if window.file is not None:
                os.close(window.file)

    # --- the connection ---
    def _send(self, window):
        self._requests += 1
        window.number = self._requests
        window.held = True
        self._say(
            {
                "id": window.number,
                "op": "fetch",
                "input": self._source,
                "objects": [[*window.known, window.ranges]],
                "timeout": _NO_END,
                "what": "a part of %s, to group its rows," % window.name,
                "ahead": window.ahead,
            }
        )

    def _say(self, message):
        data = json.dumps(message).encode()
        try:
            self._connection.sendall(struct.pack("<I", len(data)) + data)
        except OSError:
            pass  # the answer fails, too

    def _connect(self):
        until = time.monotonic() + _PATIENCE
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self._socket_path)
                break
            except OSError as error:
                connection.close()
                if time.monotonic() > until:
                    raise Trouble("io", "the data process is not reached: %s" % error) from None
                time.sleep(0.05)
        self._connection = connection
        for window in self._windows:
            window.held = False
            if window.file is None and window.error is None:
                self._send(window)

    def _wait_for(self, window):
        lost = 0
        while window.file is None and window.error is None:
            if self._connection is None:
                self._connect()
            try:
                self._take(self._receive())
            except (OSError, EOFError):
                self._connection.close()
                self._connection = None
                lost += 1
                if lost > _MOST_LOST:
                    raise Trouble("io", "the data process ends again and again; its log says why") from None

    def _receive(self):
        (length,) = struct.unpack("<I", self._exactly(4))
        return json.loads(self._exactly(length))

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            more = self._connection.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return bytes(data)

    def _take(self, answer):
        window = next((one for one in self._windows if one.number == answer["id"]), None)
        if window is None or window.file is not None:
            return  # given up meanwhile
        if "error" in answer:
            window.error = answer["error"]["kind"], answer["error"]["message"]
            window.held = False
            return
        path = os.path.join(self._directory, os.fsencode(answer["paths"][0]))
        try:
            window.file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            window.error = "disk", "'%s' cannot be opened: %s" % (os.fsdecode(path), os.strerror(error.errno))


class _StoredFile:
    """What pyarrow.PythonFile needs. Not to be used by two threads."""

    def __init__(self, tables, number):
        self._tables, self._number, self._at = tables, number, 0
        self.closed = False

    def read(self, size=-1):
        left = self._tables.size(self._number) - self._at
        data = self._tables.read(
            self._number, self._at, left if size is None or size < 0 else min(size, left)
        )
        self._at += len(data)
        return data

    def seek(self, offset, whence=0):
        base = (0, self._at, self._tables.size(self._number))[whence]
        self._at = base + offset
        return self._at

    def tell(self):
        return self._at

    def size(self):
        return self._tables.size(self._number)

    def close(self):
        self.closed = True

    def flush(self):
        pass

    def readable(self):
        return True

    def seekable(self):
        return True

    def writable(self):
        return False
