"""A proxy that stands before an API server and fails as whoever derives from it decides.

It speaks plain HTTP to its clients, and TLS with the certificate of a `context` to the server. CONNECT is a tunnel, as
a company's proxy offers it; `authorization` is what it asks for. What happens to one request is a fault, {} being none:

  {"status": 429, "retry_after": "1",             answer that instead of asking the server
   "cut": "request" | "answer"}                   close the connection before asking, or after the server has answered
                                                  (so the answer is lost)
"""

import contextlib
import http.client
import json
import socket
import threading
from urllib.parse import urlsplit

from loopback import Handler, LoopbackServer

_LONGEST_WATCH = 600
_OF_ONE_CONNECTION = ("host", "connection", "keep-alive", "transfer-encoding", "content-length")


class FaultyProxy(LoopbackServer):
    def __init__(self, server, context, authorization=None):
        super().__init__(_Relay)
        self._target = urlsplit(server)
        self._context = context
        self.authorization = authorization

    def fault_of(self, method, path):
        """What hits this request. Called by many threads."""
        raise NotImplementedError

    def cuts_line(self, fault, number):
        """Whether line `number` (from 0) of a watch is cut in the middle, and the connection with it. Likewise."""
        raise NotImplementedError

    def own_answer(self, method, path, body):
        """The answer where a request is for the proxy itself; else None."""
        return None

    def connect(self):
        return http.client.HTTPSConnection(
            self._target.hostname, self._target.port, context=self._context, timeout=_LONGEST_WATCH
        )


class _Relay(Handler):
    def do_CONNECT(self):
        if self.server.owner.authorization not in (None, self.headers.get("Proxy-Authorization")):
            self.answer(407)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_carry, args=(far, self.connection), daemon=True)
            back.start()
            _carry(self.connection, far)
            back.join()
        self.close_connection = True

    def _relay(self):
        proxy = self.server.owner
        body = self.body()
        own = proxy.own_answer(self.command, self.path, body)
        if own is not None:
            self.answer(200, own)
            return
        fault = proxy.fault_of(self.command, self.path)
        if "status" in fault:
            self.answer(fault["status"], _refusal(fault["status"]), fault.get("retry_after"))
        elif fault.get("cut") == "request":
            self.cut()
        else:
            self._forward(body, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _relay

    def _forward(self, body, fault):
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION
        }
        with contextlib.closing(self.server.owner.connect()) as connection:
            connection.request(self.command, self.path, body=body or None, headers=headers)
            response = connection.getresponse()
            if fault.get("cut") == "answer":
                response.read()
                self.cut()
            elif "watch=true" in self.path and response.status == 200:
                self._stream(response, fault)
            else:
                self.answer(response.status, response.read(), response.getheader("Retry-After"))

    def _stream(self, response, fault):
        self.begin_stream()
        for number, line in enumerate(response):
            if self.server.owner.cuts_line(fault, number):
                self.chunk(line[: len(line) // 2])
                self.cut()
                return
            self.chunk(line)
        self.chunk(b"")


def _refusal(status):
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
    return json.dumps({**said, "message": f"the test says {status}"}).encode()


def _carry(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
