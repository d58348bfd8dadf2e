"""What a program shows on a terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import termios

from waiting import PATIENCE


def on_terminal(words, columns, env, cwd=None, answer=b""):
    """Exit code and all that is written to a pseudo terminal of so many columns. `answer` is typed at the start."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**env, "TERM": "xterm"}
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
