"""The programs of a cluster, each built from a pinned Go module in modules/<part> and cached by what it is made of."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import toolchain
from .commands import say
from .places import MODULES, cache, only_one


@dataclass(frozen=True)
class Part:
    """One Go module of ours: its `tool`s are what is built, its only direct requirement is the version."""

    name: str
    programs: tuple[str, ...]
    module: str = ""  # The module that gives the part its version; none for our own code.
    renamed: dict[str, str] = field(default_factory=dict)  # What `go build` calls it -> what we call it.
    version_variable: str = ""  # The package whose gitVersion, gitMajor and gitMinor say the version.

    @property
    def version(self) -> str:
        """Such as v1.36.3, read from go.mod."""
        text = (MODULES / self.name / "go.mod").read_text()
        return re.search(rf"^(?:require )?\s*{re.escape(self.module)} (v\S+)$", text, re.MULTILINE).group(1)

    @property
    def folder(self) -> Path:
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
        return " ".join(flags)

    def _digest(self) -> str:
        digest = hashlib.sha256(f"{toolchain.architecture()} {self.link_flags()}".encode())
        for file in sorted((MODULES / self.name).iterdir()):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()[:12]


KUBERNETES = Part(
    "kubernetes",
    ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubeadm", "kubectl"),
    module="k8s.io/kubernetes", version_variable="k8s.io/component-base/version")
KIND = Part("kind", ("kind",), module="sigs.k8s.io/kind")
CRICTL = Part("crictl", ("crictl",), module="sigs.k8s.io/cri-tools")
CONTAINERD = Part("containerd", ("containerd", "containerd-shim-runc-v2", "ctr"),
                  module="github.com/containerd/containerd/v2")
ETCD = Part("etcd", ("etcd",), module="go.etcd.io/etcd/server/v3", renamed={"server": "etcd"})
COREDNS = Part("coredns", ("coredns",), module="github.com/coredns/coredns")
HELM = Part("helm", ("helm",), module="helm.sh/helm/v3")
KWOK = Part("kwok", ("kwok",), module="sigs.k8s.io/kwok")
PAUSE = Part("pause", ("pause",))

# What is used beside a cluster, what a node is made of, and what plays an API server without nodes.
CLIENTS = (KIND, KUBERNETES, HELM)
NODE_PARTS = (KUBERNETES, CRICTL, CONTAINERD, ETCD, COREDNS, PAUSE)
API_SERVER = (ETCD, KUBERNETES)


def build(*parts: Part) -> None:
    """Builds what is not in the cache yet."""
    if all(part.built() for part in parts):
        return
    with only_one("build"):
        missing = [part for part in parts if not part.built()]
        go = toolchain.find_go() if missing else None
        for part in missing:
            _build(part, go)


def module_folder(part: Part) -> Path:
    """The source of the part's module, in the Go module cache (fetched when it is not there)."""
    listed = toolchain.find_go().run("mod", "download", "-json", f"{part.module}@{part.version}",
                                     folder=MODULES / part.name)
    return Path(re.search(r'"Dir": "([^"]+)"', listed).group(1))


def _build(part: Part, go: toolchain.Go) -> None:
    say(f"building {part.name} {part.version if part.module else ''}".rstrip())
    begin = time.monotonic()
    staged = part.folder.with_name(part.folder.name + ".new")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    go.run("build", "-trimpath", "-ldflags", part.link_flags(), "-o", f"{staged}/", "tool" if part.module else ".",
           folder=MODULES / part.name)
    for built, ours in part.renamed.items():
        (staged / built).rename(staged / ours)
    staged.rename(part.folder)
    say(f"  {part.name}: {time.monotonic() - begin:.0f} s")
