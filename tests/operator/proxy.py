"""A proxy in front of the API server that answers 429 and 500, cuts connections before and after it has handed
a request on, and ends watches: all by a seeded dice."""

import http.client
import json
import random
import ssl
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HELD = ("host", "connection", "transfer-encoding", "content-length", "keep-alive")


class FaultyProxy:
    """Plain HTTP on a port of its own; `kubeconfig` names it. Faults only while `rate` is above 0."""

    def __init__(self, kubeconfig, scratch, seed):
        self.rate = 0.0
        self.faults = 0
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        user = config["users"][0]["user"]
        self._address = urlsplit(cluster["server"])
        authority = scratch / "ca.crt"
        authority.write_bytes(b64decode(cluster["certificate-authority-data"]))
        self._context = ssl.create_default_context(cafile=authority)
        for name in ("certificate", "key"):
            (scratch / name).write_bytes(b64decode(user[f"client-{name}-data"]))
        self._context.load_cert_chain(scratch / "certificate", scratch / "key")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.kubeconfig = scratch / "kubeconfig"
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._server.server_port}"}
        config["users"][0]["user"] = {}
        self.kubeconfig.write_text(json.dumps(config))

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def fault(self, kinds):
        """One of the kinds, or nothing."""
        with self._lock:
            if self._dice.random() >= self.rate:
                return None
            self.faults += 1
            return self._dice.choice(kinds)

    def upstream(self):
        return http.client.HTTPSConnection(self._address.hostname, self._address.port, context=self._context)

    def _handler(proxy):  # noqa: N805 - the handler's own methods have a self
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def relay(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else None
                watch = "watch=true" in self.path
                lease = "/leases" in self.path
                fault = None if lease else proxy.fault(["429", "500", "before", "after"])
                if fault in ("429", "500"):
                    return self.refuse(int(fault))
                if fault == "before":
                    return self.cut()
                connection = proxy.upstream()
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _HELD}
                connection.request(self.command, self.path, body=body, headers=headers)
                answer = connection.getresponse()
                if fault == "after" and not watch:
                    answer.read()
                    connection.close()
                    return self.cut()
                if watch and answer.status == 200:
                    return self.stream(connection, answer)
                content = answer.read()
                connection.close()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.getheader("Content-Type") or "application/json")
                if answer.getheader("Retry-After"):
                    self.send_header("Retry-After", answer.getheader("Retry-After"))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = relay

            def stream(self, connection, answer):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for line in answer:
                    if proxy.fault(["cut"]):
                        connection.close()
                        return self.cut()
                    self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def refuse(self, status):
                said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
                content = json.dumps({**said, "message": f"the test says {status}"}).encode()
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def cut(self):
                self.close_connection = True
                self.connection.shutdown(2)

        return Handler
