"""A job in a folder of its own: script, inputs, manifest; run by the real `parallelrun`."""

import json
import os
import signal
import subprocess
import textwrap
from pathlib import Path

from checkout import PROGRAM
from processes import command_line
from waiting import PATIENCE


class Outcome:
    """How one `parallelrun run` ended, and what it left."""

    def __init__(self, folder, process):
        self.code = process.returncode
        self.stdout = process.stdout
        self.stderr = process.stderr
        self.folder = folder

    @property
    def words(self):
        return self.stdout + self.stderr

    def expect(self, code):
        assert self.code == code, (
            f"exit code {self.code}, expected {code}\n{self.words}\n{self.folder.log_tail()}"
        )
        return self


class JobFolder:
    """Builder and runner of one job. Paths: code/, data/, out/ below `root`."""

    def __init__(self, root, launcher="embedded"):
        self.root = Path(root)
        self.launcher = launcher
        self.code = self.root / "code"
        self.data = self.root / "data"
        self.out = self.root / "out"
        self.code.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(exist_ok=True)
        self.spec = {
            "sourceDirectory": {"local": {"path": "code"}},
            "entryScript": "entry.py",
            "inputs": [{"name": "files", "type": "file", "source": {"local": {"path": "data"}}}],
            "output": {"source": {"local": {"path": "out"}}},
            "resourceMonitorInterval": 0,
        }
        self.name = "test-job"

    def script(self, text, name="entry.py"):
        (self.code / name).write_text(textwrap.dedent(text))
        return self

    def files(self, count, content="x"):
        for index in range(count):
            (self.data / f"f{index:06}.txt").write_text(content)
        return self

    def file(self, name, content, encoding="utf-8"):
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return self

    def tabular(self, **options):
        self.spec["inputs"] = [
            {"name": "table", "type": "tabular", "source": {"local": {"path": "data"}}, **options}
        ]
        return self

    def set(self, **fields):
        for field, value in fields.items():
            if value is None:
                self.spec.pop(field, None)
            else:
                self.spec[field] = value
        return self

    def manifest(self):
        document = {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": {"name": self.name},
            "spec": self.spec,
        }
        path = self.root / "job.json"
        path.write_text(json.dumps(document, indent=1))
        return path

    def environment(self, **extra):
        environment = dict(os.environ)
        environment.pop("PYTHONPATH", None)
        environment["PARALLELRUN_LAUNCHER"] = self.launcher
        environment["TERM"] = "dumb"
        environment.update(extra)
        return environment

    def command(self, *options):
        return [str(PROGRAM), "run", str(self.manifest()), *options]

    def run(self, *options, timeout=PATIENCE, env=None):
        process = subprocess.run(
            self.command(*options),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=env or self.environment(),
            check=False,
        )
        return Outcome(self, process)

    def start(self, *options, env=None, **popen):
        return subprocess.Popen(
            self.command(*options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=env or self.environment(),
            **popen,
        )

    # What the job left.

    def rows(self, name="parallel_run_step.txt"):
        path = self.out / name
        if not path.exists():
            return []
        text = path.read_text(errors="surrogateescape")
        assert text == "" or text.endswith("\n"), "the last row is torn"
        return text.split("\n")[:-1]

    def failed_items(self):
        path = self.out / "failed_items.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def log(self, pattern):
        """The contents of all log files that match, joined."""
        return "\n".join(
            path.read_text(errors="replace")
            for path in sorted((self.out / "logs").glob(pattern))
            if path.is_file()
        )

    def overview(self):
        return self.log("job_progress_overview.txt")

    def result(self):
        return json.loads((self.out / ".parallelrun" / "result.json").read_text())

    def log_tail(self):
        parts = []
        for path in sorted((self.out / "logs").rglob("*")) if (self.out / "logs").exists() else []:
            if path.is_file() and path.stat().st_size:
                parts.append(f"--- {path.relative_to(self.out)}\n{path.read_text(errors='replace')[-1500:]}")
        return "\n".join(parts)[-8000:]


def role_of(pid):
    """'orchestrator', 'agent', 'worker' or '' for a process of a job."""
    line = command_line(pid)
    if "parallelrun orchestrator" in line:
        return "orchestrator"
    if "parallelrun agent" in line:
        return "agent"
    if "parallelrun-worker" in line or "parallelrun_worker" in line:
        return "worker"
    return ""


def kill_quietly(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
