"""The operator as a process."""

import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from checkout import BUILD
from waiting import PATIENCE, wait_for

PROGRAM = Path(os.environ.get("PARALLELRUN_OPERATOR", BUILD / "bin" / "parallelrun-operator"))


class Operator:
    """One process, started with the given options. Its log is kept in memory and shown when a test fails."""

    def __init__(self, kubeconfig, *options, lease_namespace="default", environment=None):
        self.lines = []
        words = [PROGRAM, "--kubeconfig", kubeconfig, "--metrics-address", "127.0.0.1:0"]
        words += ["--health-address", "[::1]:0", "--leader-election-namespace", lease_namespace]
        words += ["--log-level", "debug", *options]
        self.process = subprocess.Popen(
            [str(word) for word in words],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        if kind is not None:
            print("\n".join(["--- the operator's log:", *self.lines[-200:]]))

    def says(self, pattern, patience=PATIENCE):
        """Waits for a line of the log; gives the match."""

        def said():
            found = next(filter(None, (re.search(pattern, line) for line in list(self.lines))), None)
            ended = self.process.poll()
            assert found or ended is None, f"ended with {ended}: {self.lines[-20:]}"
            return found

        return wait_for(said, lambda: f"a line with {pattern!r}: {self.lines[-20:]}", patience)

    def leading(self):
        self.says(r"this operator leads")
        return self

    def page(self, path):
        """Body of a page, of the port that serves it."""
        if path == "/metrics":
            address = f"127.0.0.1:{self.says(r'/metrics at port ([0-9]+)').group(1)}"
        else:
            address = f"[::1]:{self.says(r'/healthz, /readyz at port ([0-9]+)').group(1)}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{address}{path}", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def metric(self, name, /, **labels):
        """Sum of the samples with these labels."""
        total = 0.0
        for line in self.page("/metrics").splitlines():
            found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? ([0-9.e+-]+)(?: [0-9]+)?", line)
            if not found:
                continue
            held = dict(re.findall(r'([a-z_]+)="([^"]*)"', found.group(1) or ""))
            if all(held.get(label) == value for label, value in labels.items()):
                total += float(found.group(2))
        return total

    def counts(self, name, least, /, **labels):
        """Waits for a sum of `least` or more: what the operator has done it counts a moment later than a test may see it."""
        wait_for(
            lambda: self.metric(name, **labels) >= least,
            lambda: f"{name}{labels}: {least}, not {self.metric(name, **labels)}",
        )

    def settled(self, seconds=3):
        """Waits until nothing was written for that long; gives the number of writes so far. Not of one that renews a Lease."""
        writes, since = self.writes(), time.monotonic()

        def quiet():
            nonlocal writes, since
            if (now := self.writes()) != writes:
                writes, since = now, time.monotonic()
            return time.monotonic() - since >= seconds

        wait_for(quiet, "an end of the writes", pause=0.2)
        return writes

    def writes(self):
        """Requests so far that could change something."""
        return sum(
            self.metric("rest_client_requests_total", method=method)
            for method in ("POST", "PUT", "PATCH", "DELETE")
        )

    def resident_bytes(self):
        return self.metric("process_resident_memory_bytes")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, patience=PATIENCE):
        """SIGTERM; gives exit code and seconds."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(patience)
        return code, time.monotonic() - began
