"""The programs of a cluster: built from pinned Go modules, cached by what they are made of."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import toolchain
from .commands import say
from .failure import Failure
from .places import MODULES, cache, only_one

_VERSION_VARIABLE = "PARALLELRUN_KUBERNETES_VERSION"


@dataclass(frozen=True)
class Part:
    """Programs built from one Go module of ours, whose only direct requirement gives them their version."""

    name: str
    packages: tuple[
        str, ...
    ]  # Import paths; a program is called by the last word of its path, or as `renamed` says.
    module: str = ""  # The module whose version this is; none for our own code.
    source: str = ""  # Folder in modules/, if it is not called like the part.
    renamed: dict[str, str] = field(default_factory=dict)
    version_variable: str = ""  # The package whose gitVersion, gitMajor and gitMinor say the version.
    kubernetes_variables: tuple[
        str, ...
    ] = ()  # Packages whose k8sVersionMajor and -Minor say Kubernetes' version.

    @property
    def module_folder(self) -> Path:
        return MODULES / (self.source or self.name)

    @property
    def version(self) -> str:
        """Such as v1.36.3, read from go.mod."""
        text = (self.module_folder / "go.mod").read_text()
        return re.search(rf"^(?:require )?\s*{re.escape(self.module)} (v\S+)$", text, re.MULTILINE).group(1)

    @property
    def folder(self) -> Path:
        """Where the programs lie in the cache, and nothing else, so that it can stand on PATH."""
        return cache() / f"{self.name}-{self._digest()}"

    def program(self, name: str) -> Path:
        return self.folder / name

    def built(self) -> bool:
        return self.folder.exists()

    def link_flags(self) -> str:
        flags = ["-s", "-w"]
        if self.version_variable:
            major, minor = self.version.removeprefix("v").split(".")[:2]
            for variable, value in (("gitVersion", self.version), ("gitMajor", major), ("gitMinor", minor)):
                flags += ["-X", f"{self.version_variable}.{variable}={value}"]
        for package in self.kubernetes_variables:
            major, minor = KUBECTL.version.removeprefix("v").split(".")[:2]
            flags += ["-X", f"{package}.k8sVersionMajor={major}", "-X", f"{package}.k8sVersionMinor={minor}"]
        return " ".join(flags)

    def _digest(self) -> str:
        words = [toolchain.architecture(), self.link_flags(), *self.packages, *sorted(self.renamed.items())]
        digest = hashlib.sha256(repr(words).encode())
        for file in sorted(self.module_folder.iterdir()):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()[:12]


def _kubernetes(name: str, *programs: str, source: str = "kubernetes") -> Part:
    return Part(
        name,
        tuple(f"k8s.io/kubernetes/cmd/{program}" for program in programs),
        module="k8s.io/kubernetes",
        source=source,
        version_variable="k8s.io/component-base/version",
    )


_CONTAINERD = "github.com/containerd/containerd/v2"
_ETCD = "go.etcd.io/etcd/server/v3"

KUBECTL = _kubernetes("kubectl", "kubectl")
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CONTROL_PLANE = _kubernetes("control-plane", *_CONTROL_PLANE)
# For an API without nodes only, and built only when it is asked for.
OLDER_CONTROL_PLANES = {
    "1.30": _kubernetes("control-plane-1.30", *_CONTROL_PLANE, source="kubernetes-1.30"),
}
NODE_AGENTS = _kubernetes("node-agents", "kubeadm", "kubelet", "kube-proxy")
KIND = Part("kind", ("sigs.k8s.io/kind",), module="sigs.k8s.io/kind")
CRICTL = Part("crictl", ("sigs.k8s.io/cri-tools/cmd/crictl",), module="sigs.k8s.io/cri-tools")
CONTAINERD = Part(
    "containerd",
    tuple(f"{_CONTAINERD}/cmd/{program}" for program in ("containerd", "containerd-shim-runc-v2", "ctr")),
    module=_CONTAINERD,
)
ETCD = Part("etcd", (_ETCD,), module=_ETCD, renamed={"server": "etcd"})
COREDNS = Part("coredns", ("github.com/coredns/coredns",), module="github.com/coredns/coredns")
HELM = Part(
    "helm",
    ("helm.sh/helm/v3/cmd/helm",),
    module="helm.sh/helm/v3",
    # Otherwise `helm template` takes the cluster for 1.20, which the chart is not for.
    kubernetes_variables=("helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules"),
)
KWOK = Part("kwok", ("sigs.k8s.io/kwok/cmd/kwok",), module="sigs.k8s.io/kwok")
PAUSE = Part("pause", (".",))
# No part of a cluster: an S3 server that keeps files, for the tests of stores.
VERSITYGW = Part(
    "versitygw", ("github.com/versity/versitygw/cmd/versitygw",), module="github.com/versity/versitygw"
)

# What stands beside a cluster, and what a node is made of.
CLIENTS = (KIND, KUBECTL, HELM)
NODE_PARTS = (CONTROL_PLANE, NODE_AGENTS, KUBECTL, CRICTL, CONTAINERD, ETCD, COREDNS, PAUSE)
ALL = tuple({part.name: part for part in (*CLIENTS, *NODE_PARTS, KWOK)}.values())


def control_plane() -> Part:
    """Of an API without nodes: the version that PARALLELRUN_KUBERNETES_VERSION names, else that of the nodes."""
    wanted = os.environ.get(_VERSION_VARIABLE)
    if not wanted:
        return CONTROL_PLANE
    if wanted not in OLDER_CONTROL_PLANES:
        known = ", ".join(OLDER_CONTROL_PLANES)
        raise Failure(
            f"{_VERSION_VARIABLE} is {wanted!r}: {known} is there; unset it for {CONTROL_PLANE.version}"
        )
    return OLDER_CONTROL_PLANES[wanted]


def build(*parts: Part) -> None:
    """Builds what is not in the cache yet."""
    if all(part.built() for part in parts):
        return
    with only_one("build"):
        missing = [part for part in parts if not part.built()]
        go = toolchain.find_go() if missing else None
        for part in missing:
            _build(part, go)


def prune() -> None:
    """Removes the parts of other versions."""
    known = (*ALL, VERSITYGW, *OLDER_CONTROL_PLANES.values())
    names = "|".join(re.escape(part.name) for part in known)
    kept = {part.folder.name for part in known}
    with only_one("build"):
        for folder in cache().iterdir():
            if re.fullmatch(rf"({names})-[0-9a-f]{{12}}(\.new)?", folder.name) and folder.name not in kept:
                say(f"removing {folder.name}")
                shutil.rmtree(folder)


def upstream(part: Part) -> Path:
    """The source of the part's module, in the Go module cache (fetched when it is not there)."""
    listed = toolchain.find_go().run(
        "mod", "download", "-json", f"{part.module}@{part.version}", folder=part.module_folder
    )
    return Path(re.search(r'"Dir": "([^"]+)"', listed).group(1))


def _build(part: Part, go: toolchain.Go) -> None:
    say(f"building {part.name} {part.version if part.module else ''}".rstrip())
    begin = time.monotonic()
    staged = part.folder.with_name(part.folder.name + ".new")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    go.run(
        "build",
        "-trimpath",
        "-ldflags",
        part.link_flags(),
        "-o",
        f"{staged}/",
        *part.packages,
        folder=part.module_folder,
    )
    for built, ours in part.renamed.items():
        (staged / built).rename(staged / ours)
    staged.rename(part.folder)
    say(f"  {part.name}: {time.monotonic() - begin:.0f} s")
