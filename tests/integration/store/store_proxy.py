"""Stands before a store and fails as a test says. It passes everything else on as it came.

proxy.fault(times=3, status=503)                          the next three requests for objects
proxy.fault(path="a.txt", cut=1000)                       the connection ends after 1000 bytes of that answer
proxy.fault(path="b.txt", wait=2.0)                       the answer begins two seconds later
proxy.fault(path="d.txt", method="PUT", lose_answer=True) the store has done it, and nobody hears of that
proxy.accepted_key = "id"                                 S3: any other access key is refused, as S3 refuses it
"""

import http.client
import threading
import time
from urllib.parse import urlsplit

from loopback import Handler, LoopbackServer

# "0": there must be no object of that name. The S3 server behind this knows the same by another name.
GOOGLE_CONDITION = "x-goog-if-generation-match"


class StoreProxy(LoopbackServer):
    def __init__(self, store):
        super().__init__(_Relay)
        self.target = urlsplit(store)
        self.accepted_key = None
        self.forget_conditions = False  # answers as a store that knows of none
        self.refuse_lists_after = None  # so many listings
        self.requests = []  # (method, path) in the order in which they came
        self._faults = []
        self._sent = []  # (path, bytes) of objects
        self._lock = threading.Lock()

    def fault(self, path="", times=1, method="GET", **what):
        with self._lock:
            self._faults.append({"path": path, "times": times, "method": method, **what})

    def left(self):
        """Faults that nobody has met yet."""
        with self._lock:
            return sum(fault["times"] for fault in self._faults)

    def take_fault(self, method, path):
        with self._lock:
            self.requests.append((method, path))
            if self.refuse_lists_after is not None and "list-type" in path:
                self.refuse_lists_after -= 1
                if self.refuse_lists_after < 0:
                    return {"status": 403, "code": "AccessDenied"}
            for fault in self._faults:
                if fault["times"] > 0 and fault["method"] == method and fault["path"] in path:
                    fault["times"] -= 1
                    return fault
        return {}

    def gets_of(self, part):
        with self._lock:
            return sum(1 for method, path in self.requests if method == "GET" and part in path)

    def sent(self, path, size):
        with self._lock:
            self._sent.append((path, size))

    def bytes_of(self, part):
        with self._lock:
            return sum(size for path, size in self._sent if part in path)


class _Relay(Handler):
    def _relay(self):
        proxy = self.server.owner
        body = self.body()
        fault = proxy.take_fault(self.command, self.path)
        time.sleep(fault.get("wait", 0))
        key = proxy.accepted_key
        if key is not None and f"Credential={key}/" not in self.headers.get("Authorization", ""):
            return self._answer(
                403, _error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist.")
            )
        if "status" in fault:
            return self._answer(
                fault["status"], _error(fault.get("code", "SlowDown"), "Please reduce your request rate.")
            )
        store = http.client.HTTPConnection(proxy.target.hostname, proxy.target.port, timeout=60)
        # As it came: a path that is written anew is another one.
        store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() == GOOGLE_CONDITION and value == "0":
                name, value = "If-None-Match", "*"
            if not (proxy.forget_conditions and name.lower().startswith("if-")):
                store.putheader(name, value)
        store.endheaders(body or None)
        answer = store.getresponse()
        content = answer.read()
        store.close()
        if fault.get("lose_answer"):
            return self.cut()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "server", "date", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return None
        if "cut" in fault and len(content) > fault["cut"]:
            self.wfile.write(content[: fault["cut"]])
            self.wfile.flush()
            return self.cut()
        self.wfile.write(content)
        if self.command == "GET":
            proxy.sent(self.path, len(content))
        return None

    def _answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _relay


def _error(code, message):
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()
