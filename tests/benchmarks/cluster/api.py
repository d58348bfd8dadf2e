"""The API server as the benchmark uses it: JSON requests over one kept connection, and watches."""

import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE_SECONDS = 120
_IDLE_SECONDS = 30
_RESOURCE_VERSION = re.compile(rb'"resourceVersion":"(\d+)"')


class RequestFailed(Exception):
    """The API server refused something that the benchmark needs."""


class Server:
    """Where an API server is and how to be let in. Thread-safe: it only makes connections."""

    def __init__(self, url: str, authority: Path, certificate: Path, key: Path):
        self._address = urlsplit(url)
        self._context = ssl.create_default_context(cafile=str(authority))
        self._context.load_cert_chain(certificate, key)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self._address.hostname, self._address.port, context=self._context, timeout=PATIENCE_SECONDS
        )

    def session(self) -> "Session":
        return Session(self.connect())


class Session:
    """One kept connection; for one thread."""

    def __init__(self, connection: http.client.HTTPSConnection):
        self._connection = connection
        self._used = time.monotonic()

    def request(self, method: str, path: str, body=None, content="application/json") -> dict:
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self._connection.close()  # The server may have; the next request opens it again.
        self._used = time.monotonic()
        text = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self._connection.request(method, path, text, {"Content-Type": content, "Accept": "application/json"})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise RequestFailed(
                f"{method} {path}: {response.status} {answer[:2000].decode(errors='replace')}"
            )
        return json.loads(answer)

    def get(self, path: str) -> dict:
        return self.request("GET", path)

    def create(self, path: str, body) -> dict:
        """Refused where a field is misspelt."""
        return self.request("POST", f"{path}{'&' if '?' in path else '?'}fieldValidation=Strict", body)

    def version(self, collection: str) -> str:
        """The resourceVersion to watch a collection from."""
        return self.get(f"{collection}?limit=1")["metadata"]["resourceVersion"]

    def count(self, collection: str) -> int:
        page = self.get(f"{collection}?limit=1")
        return len(page["items"]) + page["metadata"].get("remainingItemCount", 0)

    def each(self, collection: str, page_size: int = 500):
        """All objects of a collection, page by page."""
        token = ""
        while True:
            page = self.get(f"{collection}?limit={page_size}&continue={token}")
            yield from page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                return


class Watch:
    """The lines of a watch with the moment when each was read. For one thread.

    The API server ends a watch whose reader is slower than it is itself, as any reader is for a moment on a busy
    machine: it is taken up again behind the last line.
    """

    def __init__(self, server: Server, collection: str, version: str, selection: str = ""):
        self._server, self._collection, self._selection = server, collection, selection
        self._version = version
        self._ready: list = []
        self._closed = False
        self._patience: float | None = PATIENCE_SECONDS
        self._open()

    def next_line(self) -> tuple:
        """(monotonic seconds when it was read, line)."""
        while not self._ready:
            chunk = self._response.read1(1 << 20)
            if not chunk:
                if self._closed:
                    raise RequestFailed(f"the watch of {self._collection} was closed")
                self._connection.close()
                self._open()
                continue
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            now = time.monotonic()
            self._ready = [(now, line) for line in lines]
        moment, line = self._ready.pop(0)
        if line.startswith(b'{"type":"ERROR"'):
            raise RequestFailed(f"watch of {self._collection}: {line[:1000].decode(errors='replace')}")
        self._version = _RESOURCE_VERSION.search(line).group(1).decode()
        return moment, line

    def _open(self) -> None:
        self._connection = self._server.connect()
        path = (
            f"{self._collection}?watch=1&resourceVersion={self._version}&timeoutSeconds=7200{self._selection}"
        )
        self._connection.request("GET", path, headers={"Accept": "application/json"})
        self._response = self._connection.getresponse()
        if self._response.status != 200:
            raise RequestFailed(f"watch {path}: {self._response.status} {self._response.read()[:2000]!r}")
        self._socket = self._connection.sock
        self._socket.settimeout(self._patience)
        self._rest = b""

    def wait_for_ever(self) -> None:
        """A silence is then no failure; close() from another thread ends it."""
        self._patience = None
        self._socket.settimeout(None)

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class WatchThread(threading.Thread):
    """Gives each line of a watch to `sink(seconds, line)` until it is stopped; `sink` runs in this thread."""

    def __init__(self, watch: Watch, sink):
        super().__init__(daemon=True)
        self._watch, self._sink = watch, sink
        self._stopped = threading.Event()
        self.failure: Exception | None = None
        watch.wait_for_ever()
        self.start()

    def stop(self) -> None:
        self._stopped.set()
        self._watch.close()
        self.join()

    def run(self) -> None:
        try:
            while True:
                self._sink(*self._watch.next_line())
        except Exception as failure:  # whoever waits for what was watched has to see it
            if not self._stopped.is_set():
                self.failure = failure
