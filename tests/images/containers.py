"""The Docker engine, and the images that users may have."""

import json
import os
import subprocess
import tempfile
import uuid
from pathlib import Path

from bringup import baseimage, engine, packages

REPOSITORY = Path(__file__).resolve().parents[2]


class Docker:
    def __init__(self):
        self._engine = engine.ensure()
        baseimage.ensure(self._engine)
        self.environment = {**os.environ, **self._engine.environment}
        self._made = []

    def __call__(self, *words, check=True, stdin=None, seconds=900):
        done = subprocess.run(
            ["docker", *map(str, words)],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if check:
            assert done.returncode == 0, f"docker {words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    def run(self, image, *command, options=(), check=True):
        """A container of any user but root, removed at its end: what it printed, in both streams' order apart."""
        return self("run", "--rm", "--user", "65532:65532", *options, image, *command, check=check)

    def inspect(self, image):
        return json.loads(self("image", "inspect", image).stdout)[0]

    def build(self, dockerfile, *options, tag=None):
        tag = tag or f"parallelrun-test:{uuid.uuid4().hex[:8]}"
        self("build", "--tag", tag, *options, "-", stdin=dockerfile)
        self._made.append(tag)
        return tag

    def remove_what_was_built(self):
        for tag in self._made:
            self("image", "rm", tag, check=False)

    def debian_with_python(self, suite, *more):
        """Another Debian, and so another C library and another Python, made from its packages."""
        name = f"parallelrun-users-python:{'-'.join([suite, *more])}"
        if self("image", "inspect", name, check=False).returncode == 0:
            return name
        packages.need(packages.BASE_IMAGE)
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "base.tar"
            subprocess.run(
                [
                    *("nice", "-n", "10", packages.find("mmdebstrap"), "--variant=minbase"),
                    *(
                        f"--include={','.join(['python3', 'ca-certificates', *more])}",
                        "--dpkgopt=path-exclude=/usr/share/doc/*",
                    ),
                    *("--dpkgopt=path-exclude=/usr/share/locale/*", suite, archive),
                ],
                check=True,
                capture_output=True,
            )
            self("import", archive, name)
        return name

    def musl_with_python(self):
        """An image without glibc. Compiles a Python the first time: two minutes."""
        name = "parallelrun-users-python:musl"
        file = Path(__file__).parent / "musl-python.Dockerfile"
        self("build", "--quiet", "--tag", name, "--file", file, file.parent)
        return name
