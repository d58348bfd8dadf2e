"""A job that has ended, replays of its mini-batches, and the terminal of a person who debugs one."""

import os
import pty
import select
import subprocess
import time

from checkout import PROGRAM
from waiting import PATIENCE


class Replayed:
    """A job that has ended, and replays of it. Its output directory must be the same after each."""

    def __init__(self, job):
        self.job = job

    def run(self, code=0, env=None):
        self.job.set(runMaxTry=1, runRetryDelay=0)
        self.job.run(env=env).expect(code)
        return self

    def state(self):
        """Gives the names, kinds, bytes and times of all files."""
        found = {}
        for path in [self.job.out, *sorted(self.job.out.rglob("*"))]:
            stat = path.lstat()
            content = path.read_bytes() if path.is_file() else None
            found[str(path)] = (stat.st_mode, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, content)
        return found

    def command(self, *words):
        return [str(PROGRAM), "replay", str(self.job.out), *map(str, words)]

    def start(self, *words):
        return subprocess.Popen(
            self.command(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.job.environment(),
        )

    def replay(self, *words, code=0, cwd=None, **variables):
        before = self.state()
        done = subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=self.job.environment(TMPDIR=str(self.scratch()), **variables),
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        assert self.state() == before, "the output directory has changed"
        return done

    def scratch(self):
        folder = self.job.root / "tmp"
        folder.mkdir(exist_ok=True)
        return folder


class Terminal:
    """A pseudo terminal on which somebody types."""

    def __init__(self, command, env):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)
        os.close(slave)
        self.seen = ""

    def until(self, words):
        """All that is shown, up to these words."""
        end = time.monotonic() + PATIENCE
        shown = ""
        while words not in shown:
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], self.seen + shown
            try:
                part = os.read(self.master, 65536).decode()
            except OSError:
                part = ""
            assert part, f"it ended without {words!r}:\n{self.seen}{shown}"
            shown += part
        self.seen += shown
        return shown

    def type(self, line):
        os.write(self.master, line.encode() + b"\n")

    def end(self):
        """The rest, and the exit status."""
        rest = ""
        while True:
            try:
                part = os.read(self.master, 65536).decode()
            except OSError:
                break
            if not part:
                break
            rest += part
        os.close(self.master)
        return rest, self.process.wait(timeout=PATIENCE)
