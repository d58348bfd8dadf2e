"""The Docker engine: the one that answers if it can run nodes, else one of our own with its own folders."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import packages, process
from .commands import run, say, succeeds, wait_until
from .failure import Failure
from .places import NODE, engine_data, engine_run, mounts_below, only_one, remove_tree

_SYS_RESOURCE = 24
_START_SECONDS = 120
_KEPT_HOURS = 24
_SHIMS = ("containerd-shim-runc-v2", "containerd-shim-runc-v1", "containerd-shim")
_PROGRAMS = ("dockerd", "containerd", *_SHIMS)


@dataclass(frozen=True)
class Engine:
    """An engine that answers. `environment` is what a Docker client needs to reach it."""

    environment: dict[str, str]
    ours: bool

    def docker(self, *words: str | Path, stdin: bytes | None = None, cwd: Path | None = None) -> str:
        return run(["docker", *words], env=self.environment, stdin=stdin, cwd=cwd)

    def has_image(self, name: str) -> bool:
        return succeeds(["docker", "image", "inspect", "--format", "{{.Id}}", name], env=self.environment)


def has_sys_resource() -> bool:
    """Whether root has CAP_SYS_RESOURCE here, without which plain runc starts no node."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> _SYS_RESOURCE & 1)
    return True


def running() -> Engine | None:
    """The engine that `up` would use, if it runs: ours first, so that every command finds the same one."""
    if process.recall(daemon_record()) is not None:
        return _ours()
    foreign = Engine({}, ours=False)
    return foreign if packages.find("docker") and _answers(foreign) and _runs_nodes(foreign) else None


def ensure() -> Engine:
    packages.need(packages.ENGINE)
    with only_one("engine"):
        engine = running()
        if engine is None:
            return _start()
        if engine.ours:
            # Under load it may be slow: to take it for dead would kill the clusters that run on it.
            wait_until("an answer of the Docker engine", lambda: _answers(engine), seconds=_START_SECONDS)
        return engine


def stop() -> None:
    """Ends our engine, with what a crash of it left behind. Engines of others are not touched."""
    with only_one("engine"):
        _stop()


def log_file() -> Path:
    return engine_data() / "dockerd.log"


def _ours() -> Engine:
    return Engine({"DOCKER_HOST": f"unix://{_socket()}"}, ours=True)


def _socket() -> Path:
    return engine_run() / "docker.sock"


def daemon_record() -> Path:
    return engine_run() / "dockerd.json"


def _answers(engine: Engine) -> bool:
    return succeeds(
        ["docker", "version", "--format", "{{.Server.Version}}"], env=engine.environment, timeout=10
    )


def _runs_nodes(engine: Engine) -> bool:
    """An engine with plain runc runs nodes only where the machine withholds nothing from it."""
    return has_sys_resource() or engine.docker("info", "--format", "{{.DefaultRuntime}}").strip() != "runc"


def _start() -> Engine:
    if os.geteuid() != 0:
        raise Failure(
            "no Docker engine answers, and only root can start one: start Docker, or run this as root"
        )
    _stop()
    data, state = engine_data(), engine_run()
    data.mkdir(parents=True, exist_ok=True)
    state.mkdir(parents=True, exist_ok=True)
    # The wrapper lies beside the engine, so that a checkout that moves away does not take it along.
    wrapper = data / "runc-wrapper"
    shutil.copy(NODE / "runc-without-missing-capability", wrapper)
    say("starting a Docker engine")
    daemon = process.start(
        [
            packages.find("dockerd"),
            f"--data-root={data / 'data'}",
            f"--exec-root={state / 'exec'}",
            f"--pidfile={state / 'dockerd.pid'}",
            f"--host=unix://{_socket()}",
            "--group=root",
            f"--config-file={_configuration(data)}",
            f"--add-runtime=checked-runc={wrapper}",
            "--default-runtime=checked-runc",
            "--oom-score-adjust=0",
        ],
        log_file(),
        env=_service_environment(),
    )
    process.remember(daemon, daemon_record())
    engine = _ours()
    try:
        wait_until(
            "the Docker engine's start", lambda: _answers(engine), seconds=_START_SECONDS, alive=daemon.runs
        )
    except Failure as failure:
        last = "\n".join(log_file().read_text(errors="replace").splitlines()[-15:])
        raise Failure(f"{failure}; the end of {log_file()}:\n{last}") from failure
    return engine


def _configuration(data: Path) -> Path:
    """A file of ours, so that the machine's own daemon.json does not apply."""
    file = data / "daemon.json"
    file.write_text('{"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "2"}}\n')
    return file


def _service_environment() -> dict[str, str]:
    return {"PATH": f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"}


def _stop() -> None:
    daemon = process.recall(daemon_record())
    if daemon is not None:
        _drop_what_is_outdated()
        say("stopping the Docker engine")
        daemon.stop(patience=30)
    _kill_leftovers()
    for folder in (engine_run(), engine_data()):
        _unmount_below(folder)
    remove_tree(engine_run())


def _drop_what_is_outdated() -> None:
    """Each build of an image leaves its predecessor without a name, half a gigabyte in an evening of tests."""
    ours = _ours()
    if _answers(ours):
        with contextlib.suppress(Failure):
            ours.docker("system", "prune", "--force", "--filter", f"until={_KEPT_HOURS}h")


def _kill_leftovers() -> None:
    """What a killed daemon leaves: its containerd, the shims and their containers."""
    left = process.processes_naming(engine_run(), _PROGRAMS)
    shims = process.processes_naming(engine_run(), _SHIMS)
    for orphan in [*process.children_of(shims), *left]:
        orphan.kill()


def _unmount_below(folder: Path) -> None:
    for mount in reversed(mounts_below(folder)):
        with contextlib.suppress(Failure):
            run(["umount", "--lazy", mount])
