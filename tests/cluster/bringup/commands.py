"""Running other programs. Output is quiet unless something goes wrong."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .failure import Failure

_TAIL_LINES = 40


def say(text: str) -> None:
    """Progress goes to stderr: stdout belongs to `env`, `kubeconfig` and to what `apiserver up` prints."""
    print(text, file=sys.stderr, flush=True)


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
) -> str:
    """Runs a program to its end and returns its stdout; its stderr is shown only when it fails."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            env=_environment(env),
            cwd=cwd,
            input=stdin,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
        )
    except FileNotFoundError as error:
        raise Failure(f"{words[0]}: no such program") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{shlex.join(words)}: no answer within {timeout:.0f} s") from error
    if done.returncode != 0:
        raise Failure(
            f"{shlex.join(words)} ended with {done.returncode}\n"
            f"{_tail(done.stdout)}{_tail(done.stderr)}".rstrip()
        )
    return done.stdout.decode(errors="replace")


def succeeds(
    argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout: float = 20
) -> bool:
    """Whether a program ends with 0 within `timeout` seconds."""
    try:
        run(argv, env=env, timeout=timeout)
    except Failure:
        return False
    return True


def wait_until(
    what: str,
    holds: Callable[[], bool],
    *,
    seconds: float,
    interval: float = 0.1,
    alive: Callable[[], bool] = lambda: True,
) -> None:
    """Asks `holds` until it is true; fails after `seconds`, or at once when `alive` is false."""
    deadline = time.monotonic() + seconds
    while not holds():
        if not alive():
            raise Failure(f"{what}: the process ended")
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:.0f} s")
        time.sleep(interval)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if extra is None else {**os.environ, **extra}


def _tail(output: bytes) -> str:
    lines = output.decode(errors="replace").splitlines()[-_TAIL_LINES:]
    return "".join(f"    {line}\n" for line in lines)
