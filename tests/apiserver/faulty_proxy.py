"""A proxy that stands before an API server and fails when it is told to.

It speaks plain HTTP to its clients and TLS with an administrator's certificate to the server. `POST /faults` with a
list arms faults, `GET /faults` tells which are left. Each fault hits the first request that it matches, once:

  {"method": "GET", "contains": "watch=true",     what it matches; both may be left out
   "status": 429, "retry_after": "1",             answer that instead of asking the server
   "cut": "request" | "answer" | "line",          close the connection before asking, after the server has answered
                                                  (so the answer is lost), or in the middle of a line of the answer
   "lines": 2}                                    whole lines to pass on before cut "line"

CONNECT is a tunnel, as a company's proxy offers it; `authorization` is what it asks for.
"""

import http.client
import http.server
import json
import socket
import threading
from urllib.parse import urlsplit

_LONGEST_WATCH = 600


class FaultyProxy:
    """Serves on a free port of 127.0.0.1 from construction until `close`."""

    def __init__(self, server, context, authorization=None):
        self._target = urlsplit(server)
        self._context = context
        self.authorization = authorization
        self._faults = []
        self._lock = threading.Lock()
        self.tunnels = 0
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def arm(self, faults):
        with self._lock:
            self._faults.extend(faults)

    def left(self):
        with self._lock:
            return list(self._faults)

    def take(self, method, path):
        """The fault that hits this request, if any."""
        with self._lock:
            for fault in self._faults:
                if fault.get("method", method) == method and fault.get("contains", "") in path:
                    self._faults.remove(fault)
                    return fault
        return {}

    def connect(self):
        return http.client.HTTPSConnection(
            self._target.hostname, self._target.port, context=self._context, timeout=_LONGEST_WATCH
        )


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FaultyProxy

    def log_message(self, *_):
        """Not for the tests' output."""

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # The client went away.

    def do_CONNECT(self):
        if self.owner.authorization not in (None, self.headers.get("Proxy-Authorization")):
            self._answer(407, b"")
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as far:
            self.owner.tunnels += 1
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_carry, args=(far, self.connection), daemon=True)
            back.start()
            _carry(self.connection, far)
            back.join()
        self.close_connection = True

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/faults":
            if self.command == "POST":
                self.owner.arm(json.loads(body)["faults"])
            self._answer(200, json.dumps({"left": self.owner.left()}).encode())
            return
        fault = self.owner.take(self.command, self.path)
        if "status" in fault:
            self._answer(fault["status"], b"armed to fail", fault.get("retry_after"))
        elif fault.get("cut") == "request":
            self._cut()
        else:
            self._forward(body, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _forward(self, body, fault):
        connection = self.owner.connect()
        passed = {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
        }
        connection.request(self.command, self.path, body=body or None, headers=passed)
        response = connection.getresponse()
        if fault.get("cut") == "answer":
            response.read()
            self._cut()
        elif "watch=true" in self.path and response.status == 200:
            self._stream(response, fault)
        else:
            self._answer(response.status, response.read(), response.getheader("Retry-After"))
        connection.close()

    def _stream(self, response, fault):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        whole = fault.get("lines", 0)
        for number, line in enumerate(response):
            if fault.get("cut") == "line" and number >= whole:
                self._chunk(line[: len(line) // 2])
                self._cut()
                return
            self._chunk(line)
        self._chunk(b"")

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _answer(self, status, body, retry_after=None):
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _carry(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
