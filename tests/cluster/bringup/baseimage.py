"""debian:bookworm-slim, from which the node image and the project's images are built."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from . import packages
from .commands import run, say, succeeds
from .engine import Engine
from .places import only_one

NAME = "debian:bookworm-slim"
_SUITE = "bookworm"
_HOOKS = Path("/usr/share/mmdebstrap/hooks")


def ensure(engine: Engine) -> None:
    """Takes what the engine has, else what can be pulled, else makes one from Debian's packages."""
    if engine.has_image(NAME):
        return
    with only_one("base-image"):
        if engine.has_image(NAME):
            return
        if can_be_pulled(engine, NAME):
            engine.docker("pull", NAME)
        else:
            _make(engine)


def can_be_pulled(engine: Engine, image: str) -> bool:
    """A quick look at the registry, which may be out of reach: nothing is downloaded."""
    environment = {**engine.environment, "DOCKER_CLI_EXPERIMENTAL": "enabled"}
    return succeeds(["docker", "manifest", "inspect", image], timeout=8, env=environment)


def _make(engine: Engine) -> None:
    packages.need(packages.BASE_IMAGE)
    say(f"making {NAME} from Debian packages")
    mirror = os.environ.get("PARALLELRUN_DEBIAN_MIRROR")
    with tempfile.TemporaryDirectory(prefix="parallelrun-base-") as folder:
        archive = Path(folder) / "base.tar"
        # Documentation is left out, as it is in the published image.
        run(
            [
                *("nice", "-n", "19"),
                packages.find("mmdebstrap"),
                "--variant=minbase",
                # Without usr-is-merged and its hook, usrmerge would come, and Perl with it: a third of the size.
                "--include=ca-certificates,usr-is-merged",
                f"--hook-dir={_HOOKS / 'merged-usr'}",
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-include=/usr/share/doc/*/copyright",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                _SUITE,
                archive,
                *([mirror] if mirror else []),
            ]
        )
        engine.docker("import", "--change", 'CMD ["bash"]', archive, f"docker.io/library/{NAME}")
