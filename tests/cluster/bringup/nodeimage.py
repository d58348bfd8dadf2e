"""The image of a kind node: the published one where it can be had, else one built from cached parts."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import baseimage, parts
from .commands import run, say, wait_until
from .engine import Engine, has_sys_resource
from .failure import Failure
from .places import NODE, only_one

_REPOSITORY = "parallelrun-node"
_ENTRYPOINT = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
_COMMIT_MESSAGE = "images of the control plane"


@dataclass(frozen=True)
class NodeImage:
    """`name` is empty for kind's own choice. Only the published image brings a pod network of its own."""

    name: str
    published: bool


def choose(engine: Engine) -> NodeImage:
    """PARALLELRUN_NODE_IMAGE is `auto`, `published`, `built` or the name of an image."""
    wish = os.environ.get("PARALLELRUN_NODE_IMAGE", "auto")
    built = NodeImage(_built_name(), published=False)
    if wish not in ("auto", "published", "built"):
        return NodeImage(wish, published=True)
    if wish == "built" or (wish == "auto" and engine.has_image(built.name)):
        return built
    default = _default_of_kind()
    # The published image has no answer to a machine that withholds capabilities.
    if (
        wish == "published"
        or engine.has_image(default)
        or (has_sys_resource() and baseimage.can_be_pulled(engine, default))
    ):
        return NodeImage("", published=True)
    return built


def ensure(engine: Engine, image: NodeImage) -> None:
    if image.published or engine.has_image(image.name):
        return
    parts.build(*parts.NODE_PARTS, parts.KIND)
    baseimage.ensure(engine)
    with only_one("node-image"):
        if engine.has_image(image.name):
            return
        say("building the node image")
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="parallelrun-node-") as folder:
            _NodeImageBuild(engine, Path(folder)).build(image.name)
        say(f"  node image: {time.monotonic() - begin:.0f} s")


def prune(engine: Engine) -> None:
    """Removes the node images of other versions, but for those of a cluster that runs."""
    for image in engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}", _REPOSITORY).split():
        if image != _built_name() and not engine.docker("ps", "--quiet", "--filter", f"ancestor={image}"):
            say(f"removing {image}")
            engine.docker("rmi", image)


def _built_name() -> str:
    digest = hashlib.sha256()
    for part in (*parts.NODE_PARTS, parts.KIND):
        digest.update(part.folder.name.encode() + b"\0")
    for file in sorted(path for path in NODE.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(NODE)).encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{_REPOSITORY}:{digest.hexdigest()[:12]}"


def _default_of_kind() -> str:
    """The image that this version of kind was released with, read from its source."""
    parts.build(parts.KIND)
    source = parts.upstream(parts.KIND) / "pkg/apis/config/defaults/image.go"
    return next(
        line.split('"')[1] for line in source.read_text().splitlines() if line.startswith("const Image")
    )


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # Another file system.
        shutil.copy(source, target)


class _NodeImageBuild:
    """One build, in a folder of its own."""

    def __init__(self, engine: Engine, folder: Path):
        self._engine = engine
        self._folder = folder
        kubeadm = parts.NODE_AGENTS.program("kubeadm")
        listed = run([kubeadm, "config", "images", "list", "--kubernetes-version", parts.NODE_AGENTS.version])
        self._images = {line.rpartition("/")[2].partition(":")[0]: line for line in listed.split()}

    def build(self, name: str) -> None:
        loaded = self._control_plane_images()
        archive = self._folder / "images.tar"
        self._engine.docker("save", "--output", archive, *loaded)
        bare = f"{name}-bare"
        self._bare_node(bare)
        self._import_into(bare, archive, name)
        self._engine.docker("rmi", bare, *loaded)

    def _control_plane_images(self) -> list[str]:
        """The images by the names that kubeadm asks for."""
        sources = {
            "kube-apiserver": parts.CONTROL_PLANE,
            "kube-controller-manager": parts.CONTROL_PLANE,
            "kube-scheduler": parts.CONTROL_PLANE,
            "kube-proxy": parts.NODE_AGENTS,
            "etcd": parts.ETCD,
            "coredns": parts.COREDNS,
            "pause": parts.PAUSE,
        }
        if set(sources) != set(self._images):
            raise Failure(
                f"kubeadm {parts.NODE_AGENTS.version} asks for {sorted(self._images)}: "
                f"this program knows how to make {sorted(sources)}"
            )
        for program, part in sources.items():
            context = self._folder / "image" / program
            context.mkdir(parents=True)
            _link_or_copy(part.program(program), context / program)
            special = NODE / "images" / f"{program}.Dockerfile"
            shutil.copy(
                special if special.exists() else NODE / "images" / "static.Dockerfile", context / "Dockerfile"
            )
            arguments = [] if special.exists() else ["--build-arg", f"PROGRAM={program}"]
            self._docker_build(self._images[program], context, *arguments)
        return list(self._images.values())

    def _bare_node(self, name: str) -> None:
        context = self._folder / "node"
        self._copy_kinds_files(context / "files")
        wanted = (
            ("bin", parts.NODE_AGENTS, "kubeadm"),
            ("bin", parts.NODE_AGENTS, "kubelet"),
            ("bin", parts.KUBECTL, "kubectl"),
            ("local-bin", parts.CRICTL, "crictl"),
            *(
                ("local-bin", parts.CONTAINERD, program)
                for program in ("containerd", "containerd-shim-runc-v2", "ctr")
            ),
        )
        for folder, part, program in wanted:
            (context / folder).mkdir(exist_ok=True)
            _link_or_copy(part.program(program), context / folder / program)
        shutil.copy(NODE / "Dockerfile", context)
        shutil.copy(NODE / "default-storage.yaml", context)
        shutil.copy(NODE / "runc-without-missing-capability", context / "runc")
        configuration = (NODE / "containerd-config.toml").read_text()
        (context / "containerd-config.toml").write_text(
            configuration.replace("@PAUSE_IMAGE@", self._images["pause"])
        )
        (context / "version").write_text(parts.NODE_AGENTS.version)
        self._docker_build(name, context)

    def _copy_kinds_files(self, target: Path) -> None:
        shutil.copytree(parts.upstream(parts.KIND) / "images/base/files", target)
        for path in [target, *target.rglob("*")]:
            program = path.parent in (target / "usr/local/bin", target / "kind/bin")
            path.chmod(0o755 if path.is_dir() or program else 0o644)

    def _import_into(self, bare: str, archive: Path, name: str) -> None:
        """Puts the images into the store of the node's containerd, which runs in a container for that."""
        container = f"parallelrun-node-build-{uuid.uuid4().hex[:8]}"
        self._engine.docker(
            "run",
            "--detach",
            "--name",
            container,
            "--entrypoint",
            "sleep",
            "--security-opt",
            "seccomp=unconfined",
            bare,
            "infinity",
        )
        try:
            self._engine.docker("exec", "--detach", container, "containerd")
            wait_until(
                "containerd in the node image", lambda: self._containerd_answers(container), seconds=60
            )
            self._engine.docker("cp", archive, f"{container}:/images.tar")
            self._engine.docker(
                "exec",
                container,
                "ctr",
                "--namespace",
                "k8s.io",
                "images",
                "import",
                "--no-unpack",
                "--label",
                "io.cri-containerd.pinned=pinned",
                "/images.tar",
            )
            self._engine.docker("exec", container, "sh", "-c", "rm /images.tar && pkill containerd")
            self._engine.docker(
                "commit", "--message", _COMMIT_MESSAGE, "--change", _ENTRYPOINT, container, name
            )
        finally:
            self._engine.docker("rm", "--force", "--volumes", container)

    def _containerd_answers(self, container: str) -> bool:
        try:
            self._engine.docker("exec", container, "ctr", "version")
        except Failure:
            return False
        return True

    def _docker_build(self, name: str, context: Path, *arguments: str) -> None:
        self._engine.docker("build", "--quiet", "--tag", name, *arguments, context)
