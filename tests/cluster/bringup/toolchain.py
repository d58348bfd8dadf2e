"""The Go compiler: the machine's if it is new enough, else the published toolchain from the Go module proxy.

It is published as a module, so any Go can fetch it: Debian's (1.19 in Debian 12) will do to begin with.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import packages
from .commands import run, say
from .failure import Failure
from .places import MODULES, cache

VERSION = "1.26.8"
# The module's checksums, as in a go.sum.
CHECKSUMS = {
    "amd64": "h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=",
    "arm64": "h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=",
}
_USUAL = Path("/usr/local/go/bin/go")


@dataclass(frozen=True)
class Go:
    program: Path

    def run(self, *words: str | Path, folder: Path) -> str:
        """Runs `nice go ...` in `folder`: static programs, this toolchain only, go.mod left as it is."""
        return run(
            ["nice", "-n", "19", self.program, *words],
            cwd=folder,
            env={
                "CGO_ENABLED": "0",
                "GOTOOLCHAIN": "local",
                "GOFLAGS": "-mod=readonly -buildvcs=false",
                "GOWORK": "off",
            },
        )


def find_go() -> Go:
    for program in (packages.find("go"), _USUAL):
        if program is not None and program.exists() and _version(program) >= _needed():
            return Go(program)
    return _published()


def architecture() -> str:
    machine = platform.machine()
    known = {"x86_64": "amd64", "aarch64": "arm64"}
    if machine not in known:
        raise Failure(f"this machine is {machine}: the cluster can be built on x86_64 and aarch64")
    return known[machine]


def _needed() -> tuple[int, ...]:
    """The newest `go` directive of the modules."""
    texts = (file.read_text() for file in MODULES.glob("*/go.mod"))
    return max(_numbers(re.search(r"^go (\S+)$", text, re.MULTILINE).group(1)) for text in texts)


def _version(program: Path) -> tuple[int, ...]:
    return _numbers(run([program, "version"], env={"GOTOOLCHAIN": "local"}).split()[2].removeprefix("go"))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _published() -> Go:
    arch = architecture()
    folder = cache() / f"go-{VERSION}-{arch}"
    if not folder.exists():
        packages.need(packages.ANY_GO)
        _fetch(arch, folder)
    return Go(folder / "bin" / "go")


def _fetch(arch: str, folder: Path) -> None:
    say(f"fetching the Go toolchain {VERSION}")
    any_go = packages.find("go")
    module = f"golang.org/toolchain@v0.0.1-go{VERSION}.linux-{arch}"
    answer = json.loads(
        run(
            [any_go, "mod", "download", "-json", module],
            cwd=Path("/"),
            env={"GOTOOLCHAIN": "local", "GOFLAGS": "", "GO111MODULE": "on", "GOWORK": "off"},
        )
    )
    if answer["Sum"] != CHECKSUMS[arch]:
        raise Failure(f"{module} has the checksum {answer['Sum']}, expected {CHECKSUMS[arch]}")
    staged = folder.with_name(folder.name + ".new")
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(answer["Dir"], staged)
    _make_usable(staged)
    staged.rename(folder)


def _make_usable(folder: Path) -> None:
    """A module carries no execute bits and no nested go.mod: `go` puts them right, and so do we."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o200))
    for program in [*(folder / "bin").iterdir(), *(folder / "pkg" / "tool").rglob("*")]:
        if program.is_file():
            program.chmod(0o755)
    hidden = folder / "src" / "_go.mod"
    if hidden.exists():
        hidden.rename(folder / "src" / "go.mod")
