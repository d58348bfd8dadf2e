"""A real orchestrator process, and an agent of a few lines that says to it what a test wants."""

import hmac
import http.client
import json
import os
import secrets
import select
import socket
import ssl
import subprocess
import threading
import time

import wire
from checkout import PROGRAM
from waiting import PATIENCE


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body!r}")
        self.status, self.body = status, body


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connection(endpoint, tls=None, timeout=PATIENCE):
    if endpoint.startswith("unix:"):
        return UnixConnection(endpoint[5:], timeout)
    host, port = endpoint.rsplit(":", 1)
    if tls is None:
        return http.client.HTTPConnection(host, int(port), timeout=timeout)
    context = ssl.create_default_context(cafile=tls["ca"])
    context.load_cert_chain(tls["certificate"], tls["key"])
    return http.client.HTTPSConnection(host, int(port), timeout=timeout, context=context)


class Agent:
    """One session: leases mini-batches, answers each with one row per item ("<basename>")."""

    def __init__(self, endpoint, name="agent000", tls=None, slots=1, proof=None):
        self.headers = {"Authorization": f"ParallelRun {name} {proof or secrets.token_hex(32)}"}
        self.endpoint, self.name, self.tls, self.slots = endpoint, name, tls, slots
        # As a real agent: one connection for each purpose, so that a parked lease holds up no heartbeat.
        self.http = connection(endpoint, tls)
        self.reports = connection(endpoint, tls)
        self.reporting = threading.Lock()
        self.session = None
        self.sequences = {"lease": 0, "report": 0}

    def post(self, path, body, http=None):
        http = http or self.http
        http.request("POST", path, body, self.headers)
        response = http.getresponse()
        answer = response.read()
        if response.status != 200:
            raise Refused(response.status, answer)
        return answer

    def register(self, **fields):
        answer = self.post("/v1/register", wire.register(self.name, self.slots, **fields))
        self.session, self.epoch, self.heartbeat, self.timeout, self.job = wire.register_reply(answer)
        return self

    def lease(self, want=100):
        self.sequences["lease"] += 1
        return wire.lease_reply(
            self.post("/v1/lease", wire.lease(self.session, self.sequences["lease"], want))
        )

    def report(self, results=(), **fields):
        with self.reporting:
            self.sequences["report"] += 1
            body = wire.report(self.session, self.sequences["report"], results, **fields)
            return wire.report_reply(self.post("/v1/report", body, self.reports))

    def answer(self, lease):
        rows = b"".join(path.rsplit(b"/", 1)[1] + b"\n" for path in lease.paths())
        return wire.result(lease, rows)

    def work(self, want=100):
        """Until told to leave."""
        over = threading.Event()
        heart = threading.Thread(target=self._beat, args=[over], daemon=True)
        heart.start()
        try:
            directive = wire.RUN
            while directive == wire.RUN:
                reply = self.lease(want)
                directive = reply.directive
                if reply.leases:
                    directive = max(
                        directive,
                        self.report([self.answer(one) for one in reply.leases]),
                    )
        finally:
            over.set()
            heart.join()
        self.report(leaving=True)
        return directive

    def _beat(self, over):
        while not over.wait(self.heartbeat / 1000):
            try:
                self.report()
            except (OSError, http.client.HTTPException, Refused):
                return  # the main thread finds out by itself


def token_of_agent(secret, name):
    """As in runner/protocol/machine_token.h."""
    return hmac.new(secret.encode(), name.encode(), "sha256").hexdigest()


def token_pipe(token):
    reader, writer = os.pipe()
    os.write(writer, token.encode())
    os.close(writer)
    return reader


class Orchestrator:
    def __init__(self, folder, job, listen=None, arguments=(), before=(), secret=None):
        self.secret = secret
        self.endpoint = None
        self.events = []
        job_file = folder / "job.json"
        job_file.write_text(json.dumps(job))
        listen = listen or f"unix:{folder}/run/socket"
        reader, writer = os.pipe()
        passed = [writer]
        if secret:
            passed.append(token_pipe(secret))
            arguments = (*arguments, "--token-fd", str(passed[1]))
        self.process = subprocess.Popen(
            [
                *before,
                PROGRAM,
                "orchestrator",
                "--job",
                job_file,
                "--listen",
                listen,
                "--progress-fd",
                str(writer),
                *arguments,
            ],
            pass_fds=passed,
            stderr=subprocess.PIPE,
        )
        for descriptor in passed:
            os.close(descriptor)
        self.pipe, self.buffer = reader, b""

    def read_event(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            if not select.select([self.pipe], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("no event")
            piece = os.read(self.pipe, 65536)
            if not piece:
                return None
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        event = json.loads(line)
        self.events.append(event)
        return event

    def ready(self):
        event = self.read_event()
        assert event and event["event"] == "ready", (
            event,
            self.errors() if event is None else None,
        )
        self.endpoint = event["endpoint"]
        return self

    def agent(self, name="agent000", **options):
        if self.secret:
            options.setdefault("proof", token_of_agent(self.secret, name))
        return Agent(self.endpoint, name, **options).register()

    def work_in_background(self, name="agent000", want=100):
        def work():
            try:
                self.agent(name).work(want)
            except (OSError, http.client.HTTPException, Refused):
                pass  # the orchestrator was killed, which is what the test is about

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def errors(self):
        return self.process.stderr.read().decode()

    def wait(self, timeout=PATIENCE):
        """The exit code, and the finished event."""
        while self.read_event(timeout) is not None:
            pass
        code = self.process.wait(timeout)
        finished = self.events[-1] if self.events and self.events[-1]["event"] == "finished" else None
        return code, finished

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        self.process.stderr.close()
        os.close(self.pipe)
