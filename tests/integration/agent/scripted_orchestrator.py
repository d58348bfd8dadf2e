"""An orchestrator that a test scripts: it speaks the protocol (runner/protocol/messages.h) over a Unix
socket to a real agent, and hands out what the test put in."""

import json
import os
import socketserver
import struct
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from checkout import BUILD

# Generous, for a loaded machine: no test waits for it unless it fails.
PATIENCE = 90.0
RUN, DRAIN, ABORT = range(3)
SUCCEEDED, FAILED, TIMED_OUT, DIED, RETURNED, FAILED_FOR_GOOD, UNDECIDED = range(7)


def packed(data):
    return struct.pack("<I", len(data)) + data


class Fields:
    def __init__(self, body):
        self.body, self.at = body, 0

    def one(self, kind):
        (value,) = struct.unpack_from("<" + kind, self.body, self.at)
        self.at += struct.calcsize("<" + kind)
        return value

    def bytes(self):
        size = self.one("I")
        self.at += size
        return self.body[self.at - size : self.at]

    def text(self):
        return self.bytes().decode("utf-8", "replace")

    def error(self):
        return {"phase": self.one("B"), "type": self.text(), "message": self.text(), "traceback": self.text()}

    def result(self):
        out = {
            "kind": self.one("B"),
            "attempt": self.one("Q"),
            "seal": self.one("Q"),
            "mini_batch": self.one("Q"),
            "part": self.one("I"),
            "outcome": self.one("B"),
        }
        out.update(items=self.one("Q"), returned=self.one("Q"), rows=self.bytes(), error=self.error())
        out.update(process=self.text(), pid=self.one("Q"), started=self.one("q"), duration=self.one("Q"))
        out.update(process_time=self.one("Q"), run=self.one("Q"))
        return out

    def failure(self):
        return {
            "process": self.text(),
            "pid": self.one("Q"),
            "error": self.error(),
            "fatal": bool(self.one("B")),
        }


class Orchestrator:
    def __init__(self, folder, script, spec=None, session_timeout_ms=20_000):
        self.folder = Path(folder)
        self.socket = self.folder / "orchestrator.sock"
        code = self.folder / "code"
        data = self.folder / "data"
        for path in (code, data, self.folder / "out"):
            path.mkdir(exist_ok=True)
        (code / "entry.py").write_text(script)
        manifest = {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": {"name": "agent-test"},
            "spec": {
                "sourceDirectory": {"local": {"path": str(code)}},
                "entryScript": "entry.py",
                "inputs": [{"name": "data", "type": "file", "source": {"local": {"path": str(data)}}}],
                "output": {"source": {"local": {"path": str(self.folder / "out")}}},
                "resourceMonitorInterval": 0,
                **(spec or {}),
            },
        }
        self.job = {
            "manifest": manifest,
            "inputDirectories": {"data": str(data)},
            "sideInputDirectories": {},
            "sourceDirectory": str(code),
            "script": str(code / "entry.py"),
            "outputDirectory": str(self.folder / "out"),
            "arguments": [],
            "codeHash": "",
            "notCode": [],
        }
        self.data = data
        self.processes = manifest["spec"].get("processCountPerNode", 1)
        self.session_timeout_ms = session_timeout_ms
        self.changed = threading.Condition()
        self.waiting = []
        self.directive = RUN
        self.session = 0
        self.answers = {}  # (session, path) -> (sequence, body)
        self.results, self.failures, self.logs = [], [], {}
        self.counts = (0, 0, 0)
        self.inside = []
        self.left = False
        self.ended_sessions = set()
        self.lose_replies = 0
        self.lose_reports = 0  # with results: they are neither taken nor answered, for `stands_still` seconds
        self.stands_still = 0
        self.reports = 0
        self.server = None
        self.listen()

    # --- what a test does -------------------------------------------------------------------------
    def give(self, *mini_batches, names=("a.txt",)):
        with self.changed:
            for number in mini_batches:
                body = packed(b"") + packed(b"\0".join(os.fsencode(n) for n in names))
                descriptor = b"\x01" + struct.pack("<I", 1) + body
                self.waiting.append(
                    struct.pack("<BQQQIIQIB", 0, 1000 + number, 0, number, 0, 0, len(names), 1, 0)
                    + packed(descriptor)
                )
            self.changed.notify_all()

    def tell(self, directive):
        with self.changed:
            self.directive = directive
            self.changed.notify_all()

    def wait(self, condition, what, patience=PATIENCE):
        end = time.monotonic() + patience
        with self.changed:
            while not condition():
                left = end - time.monotonic()
                state = (
                    self.counts,
                    self.failures,
                    [(r["mini_batch"], r["outcome"]) for r in self.results][-20:],
                )
                assert left > 0, "waited for %s; have %r" % (what, state)
                self.changed.wait(min(left, 0.2))

    def wait_results(self, count):
        self.wait(lambda: len(self.results) >= count, "%d results" % count)
        return self.results

    def end_session(self):
        """As a new orchestrator would: whatever comes in this session is answered with 409."""
        with self.changed:
            self.ended_sessions.add(self.session)
            self.changed.notify_all()

    def log(self, suffix):
        with self.changed:
            return b"".join(data for path, data in self.logs.items() if path.endswith(suffix)).decode(
                "utf-8", "replace"
            )

    # --- the protocol -----------------------------------------------------------------------------
    def listen(self):
        orchestrator = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, answer = orchestrator.answer(self.path, body)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def address_string(self):
                return "agent"

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
            request_queue_size = 32

            def handle_error(self, *_):
                pass  # an agent that is killed breaks its connections

        self.server = Server(str(self.socket), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop_listening(self):
        self.server.shutdown()
        self.server.server_close()
        self.socket.unlink()

    def answer(self, path, body):
        fields = Fields(body)
        if path == "/v1/report" and self.lose_reports > 0 and struct.unpack_from("<I", body, 16)[0] > 0:
            self.lose_reports -= 1
            time.sleep(self.stands_still)
            return None, b""
        with self.changed:
            if path == "/v1/register":
                self.session += 1
                timeouts = struct.pack("<QQ", 500, self.session_timeout_ms)
                return 200, struct.pack("<QQ", self.session, 1) + timeouts + packed(
                    json.dumps(self.job).encode()
                )
            session, sequence = fields.one("Q"), fields.one("Q")
            if session in self.ended_sessions or session != self.session:
                return 409, b"the session has ended"
            last, answer = self.answers.get((session, path), (0, b""))
            if sequence == last:
                return 200, answer
            assert sequence == last + 1, "sequence %d after %d" % (sequence, last)
            answer = self.lease(fields, session) if path == "/v1/lease" else self.report(fields)
            if answer is None:
                return 409, b"the session has ended"
            self.answers[(session, path)] = (sequence, answer)
            if path == "/v1/report" and self.lose_replies > 0:
                self.lose_replies -= 1
                return None, b""
            return 200, answer

    def lease(self, fields, session):
        want = fields.one("I")
        end = time.monotonic() + 10
        while not self.waiting and self.directive == RUN and time.monotonic() < end:
            if session in self.ended_sessions:
                return None
            self.changed.wait(0.2)
        given, self.waiting = self.waiting[:want], self.waiting[want:]
        count = struct.pack("<I", len(given))
        return struct.pack("<BI", self.directive, 0) + count + b"".join(given) + struct.pack("<I", 0)

    def report(self, fields):
        self.reports += 1
        self.results += [fields.result() for _ in range(fields.one("I"))]
        for _ in range(fields.one("I")):
            path = fields.text()
            self.logs[path] = self.logs.get(path, b"") + fields.bytes()
        self.failures += [fields.failure() for _ in range(fields.one("I"))]
        self.counts = tuple(fields.one("I") for _ in range(3))
        self.left = bool(fields.one("B")) or self.left
        self.inside = [fields.one("Q") for _ in range(fields.one("I"))]
        assert fields.at == len(fields.body)
        self.changed.notify_all()
        return struct.pack("<B", self.directive)


class Agent:
    def __init__(self, orchestrator, launcher="embedded", patience_ms=60_000, environment=None):
        variables = {**os.environ, "PARALLELRUN_LAUNCHER": launcher, **(environment or {})}
        if launcher == "embedded" and not (environment or {}).get("PATH"):
            variables["PATH"] = "/usr/bin:" + variables["PATH"]  # the python3 whose library is embedded
        self.process = subprocess.Popen(
            [
                str(BUILD / "tests" / "agent_driver"),
                "unix:%s" % orchestrator.socket,
                "agent000",
                "127.0.0.1",
                str(BUILD / "bin"),
                str(orchestrator.processes),
                str(patience_ms),
            ],
            env=variables,
        )

    def wait(self, patience=PATIENCE):
        return self.process.wait(patience)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
