"""Debian packages that the machine needs, installed when they are missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .commands import run, say
from .failure import Failure

# A program that proves the package is there, and the package.
ENGINE = {"dockerd": "docker.io", "docker": "docker.io", "runc": "runc", "iptables": "iptables", "jq": "jq"}
BASE_IMAGE = {"mmdebstrap": "mmdebstrap"}
ANY_GO = {"go": "golang-go"}
CERTIFICATES = {"openssl": "openssl"}

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find(program: str) -> Path | None:
    """Looks on PATH and in the system's folders: an account's PATH often lacks /usr/sbin."""
    found = shutil.which(program) or shutil.which(program, path=_SYSTEM_PATH)
    return Path(found) if found else None


def need(programs: dict[str, str]) -> None:
    missing = sorted({package for program, package in programs.items() if find(program) is None})
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Failure(
            f"these packages are needed: {' '.join(missing)}; install them (as root: apt-get install "
            f"{' '.join(missing)}) and try again"
        )
    say(f"installing {' '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]
    try:
        run(install, env=quiet)
    except Failure:  # The package lists may be missing or old.
        run(["apt-get", "update", "-qq"], env=quiet)
        run(install, env=quiet)
