"""Small HTTP servers on the loopback interface."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LoopbackServer:
    """Serves within its `with` block, on a free port, each connection in a thread of its own."""

    def __init__(self, handler):
        """`handler`: a class; its instances have this object as `self.server.owner`."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.owner = self
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def write_kubeconfig(self, folder):
        """Of clients that take this for an API server. Gives its path."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "loopback",
            "clusters": [{"name": "loopback", "cluster": {"server": f"http://{self.address}"}}],
            "users": [{"name": "anybody", "user": {}}],
            "contexts": [{"name": "loopback", "context": {"cluster": "loopback", "user": "anybody"}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Not for the tests' output."""

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # The client went away.

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body=b"", retry_after=None):
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data):
        """The empty one ends the stream."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def cut(self):
        """The connection ends here."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
