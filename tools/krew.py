#!/usr/bin/env python3
"""usage: tools/krew.py VERSION ARCHIVE...

Prints the krew manifest (https://krew.sigs.k8s.io) of the plugin `kubectl parallelrun`, for the archives
parallelrun-VERSION-linux-ARCH.tar.gz that tools/release.sh makes. PARALLELRUN_RELEASE_URL is where releases are
published: the manifest names the archives there. Without it the manifest has a placeholder, and is good for
`kubectl krew install --manifest=... --archive=...` alone.
"""

import hashlib
import os
import re
import sys
from pathlib import Path

DEFAULT_URL = "https://releases.example.org/parallelrun"

HEAD = """\
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: parallelrun
spec:
  version: v{version}
  shortDescription: Submit and watch ParallelRunJobs (batch inference)
  description: |
    Runs init() and run(mini_batch) of a Python script over millions of files or
    table rows on a cluster: submit a folder, watch its progress, read its logs,
    errors, failed items and output, suspend, scale and cancel it.
  caveats: |
    The cluster needs the operator, which the Helm chart of the same release installs.
  platforms:
"""

PLATFORM = """\
  - selector:
      matchLabels: {{os: linux, arch: {architecture}}}
    uri: {url}/v{version}/{name}
    sha256: {digest}
    bin: bin/parallelrun
"""


def main():
    version, *archives = sys.argv[1:]
    url = os.environ.get("PARALLELRUN_RELEASE_URL", DEFAULT_URL).rstrip("/")
    text = HEAD.format(version=version)
    for archive in sorted(map(Path, archives)):
        found = re.fullmatch(rf"parallelrun-{re.escape(version)}-linux-(amd64|arm64)\.tar\.gz", archive.name)
        if not found:
            sys.exit(f"krew: {archive}: is not called parallelrun-{version}-linux-ARCH.tar.gz")
        text += PLATFORM.format(
            architecture=found.group(1),
            url=url,
            version=version,
            name=archive.name,
            digest=hashlib.sha256(archive.read_bytes()).hexdigest(),
        )
    print(text, end="")


main()
