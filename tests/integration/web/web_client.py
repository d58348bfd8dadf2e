"""The real `parallelrun ui`, and a client of its page's API."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.parse

from checkout import PROGRAM
from waiting import PATIENCE

HOSTILE = "<img src=x onerror=alert(1)>"  # in what jobs print, return and raise


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def refused(self, status, reason):
        assert self.status == status, (self.status, self.body)
        document = self.json
        assert document["reason"] == reason and len(document["message"]) > 20, document
        return document["message"]


class Page:
    """Starts the server over some folders. A context."""

    def __init__(self, *folders, pages, options=(), cwd=None, env=None, user=None):
        self.process = subprocess.Popen(
            [str(PROGRAM), "ui", *map(str, folders), "--no-browser", "--pages", str(pages), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            user=user,
        )
        self.link = self.process.stdout.readline().strip()
        assert self.link.startswith("http://127.0.0.1:"), self.process.stderr.read()
        address = urllib.parse.urlsplit(self.link)
        self.port = address.port
        self.token = address.fragment.removeprefix("token=")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            assert self.process.wait(timeout=PATIENCE) == 0
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.process.stderr.close()

    def ask(self, path, method="GET", body=None, headers=None, token=None):
        """The connection on which the answer comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        fields = {"Authorization": f"Bearer {self.token if token is None else token}", **(headers or {})}
        connection.request(
            method, path, body=body, headers={k: v for k, v in fields.items() if v is not None}
        )
        return connection

    def send(self, path, *args, **more):
        connection = self.ask(path, *args, **more)
        response = connection.getresponse()
        answer = Answer(response, response.read())
        connection.close()
        return answer

    def get(self, path, /, **query):
        answer = self.send(path + ("?" + urllib.parse.urlencode(query) if query else ""))
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json

    def post(self, path, arguments=None, **more):
        body = json.dumps({} if arguments is None else arguments)
        return self.send(path, "POST", body, {"Content-Type": "application/json"}, **more)

    def jobs(self):
        return {job["name"]: job for job in self.get("/api/jobs")["jobs"]}

    def of(self, name):
        return f"/api/jobs/{self.jobs()[name]['id']}"

    def events(self, **query):
        return Events(self, query)


class Events:
    """A stream of server-sent events."""

    def __init__(self, page, query):
        self.socket = socket.create_connection(("127.0.0.1", page.port), timeout=PATIENCE)
        self.socket.sendall(
            f"GET /api/events?{urllib.parse.urlencode(query)} HTTP/1.0\r\nHost: 127.0.0.1:{page.port}\r\n"
            f"Authorization: Bearer {page.token}\r\n\r\n".encode()
        )
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.head = list(iter(lambda: self.lines.readline().strip(), ""))

    def next(self, kind, wanted=lambda data: True):
        """The first event of this kind that is wanted."""
        deadline = time.monotonic() + PATIENCE
        event = None
        while time.monotonic() < deadline:
            line = self.lines.readline()
            assert line, "the stream has ended"
            if line.startswith("event: "):
                event = line[7:].strip()
            elif line.startswith("data: ") and event == kind:
                data = json.loads(line[6:])
                if wanted(data):
                    return data
        raise AssertionError(f"no event {kind}")

    def close(self):
        self.lines.close()
        self.socket.close()
