"""What a program shows on a terminal."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from waiting import PATIENCE


def without_colours(text):
    return re.sub(r"\x1b\[\d+m", "", text)


def on_terminal(words, columns, env, cwd=None, answer=b"", term="xterm"):
    """Exit code and all that is written to a pseudo terminal of so many columns. `answer` is typed at the start."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**env, "TERM": term}
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=env)
    os.close(slave)
    os.write(master, answer)
    written = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        written += part
    os.close(master)
    return process.wait(timeout=PATIENCE), written.decode()


class Terminal:
    """A pseudo terminal on which somebody types."""

    def __init__(self, command, env, cwd=None, columns=0):
        self.master, slave = pty.openpty()
        if columns:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd, start_new_session=True
        )
        os.close(slave)
        self.seen = ""

    def until(self, *words):
        """All that is shown, up to one of these words."""
        end = time.monotonic() + PATIENCE
        shown = ""
        while not any(each in shown for each in words):
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], self.seen + shown
            try:
                part = os.read(self.master, 65536).decode(errors="replace")
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
                part = os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                break
            if not part:
                break
            rest += part
        self.seen += rest
        self.close()
        return rest, self.process.wait(timeout=PATIENCE)

    def close(self):
        if self.master is not None:
            os.close(self.master)
        self.master = None

    def interrupt(self):
        """As Ctrl-C does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self):
        """With all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)
        self.close()
