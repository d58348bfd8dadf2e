"""A job that has ended, and replays of its mini-batches."""

import subprocess

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
