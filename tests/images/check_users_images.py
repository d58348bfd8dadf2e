"""Images of users: FROM the runner, and images of their own into which the runner is brought at start."""

import os
import platform
import subprocess
import time
import uuid

import pytest
import yaml

PROGRAM = "/opt/parallelrun/bin/parallelrun"
TLS = {"ca": "tls.crt", "certificate": "tls.crt", "key": "tls.key"}
ENTRY = """\
import platform, sys
def init():
    print("init in", platform.python_version())
def run(mini_batch):
    return [open(path).read().strip() + " " + platform.python_version() for path in mini_batch]
"""
TABLE_ENTRY = """\
def init():
    pass
def run(mini_batch):
    return [int(value) for value in mini_batch["value"]]
"""


@pytest.fixture(scope="module")
def programs(docker, images):
    """A volume as the init container leaves it for the user's container."""
    volume = f"parallelrun-test-{uuid.uuid4().hex[:8]}"
    docker("volume", "create", volume)
    at = "/opt/parallelrun-target"
    docker("run", "--rm", "--volume", f"{volume}:{at}", "debian:bookworm-slim", "chmod", "0777", at)
    docker.run(images.runner, PROGRAM, "install", at, options=("--volume", f"{volume}:{at}"))
    yield volume
    docker("volume", "rm", volume)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(7):
        (tmp_path / "in" / f"f{number}.txt").write_text(f"{number}\n")
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "values.csv").write_text(
        "value,text\n" + "".join(f'{n},"a ""b"""\n' for n in range(500))
    )
    (tmp_path / "entry.py").write_text(ENTRY)
    (tmp_path / "table_entry.py").write_text(TABLE_ENTRY)

    def manifest(name, entry, folder, **spec):
        document = {
            "apiVersion": "parallelrun.dev/v1alpha1",
            "kind": "ParallelRunJob",
            "metadata": {"name": name},
            "spec": {
                "sourceDirectory": {"local": {"path": "."}},
                "entryScript": entry,
                "inputs": [{"name": "data", "source": {"local": {"path": folder}}, **spec.pop("input")}],
                "output": {"source": {"local": {"path": "/tmp/out"}}},
                **spec,
            },
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(document))

    manifest("files", "entry.py", "in", input={"type": "file"}, miniBatchSize=2)
    manifest("table", "table_entry.py", "table", input={"type": "tabular"}, miniBatchSize="1KB")
    os.chmod(tmp_path, 0o755)
    return tmp_path


def run_job(docker, image, job, *, name="files", programs=None, options=(), check=True):
    """Runs the job in the image and prints its output, with the program of `programs` or the image's own."""
    mounts = ["--volume", f"{job}:/job:ro", "--env", "HOME=/tmp"]
    if programs:
        mounts += ["--volume", f"{programs}:/opt/parallelrun:ro"]
    show = (
        "cat /tmp/out/parallel_run_step.txt; cat /tmp/out/70_driver_log.txt /tmp/out/logs/70_driver_log.txt"
    )
    script = f"{PROGRAM} run --quiet /job/{name}.yaml || exit; {show} 2>/dev/null; true"
    return docker.run(image, "sh", "-c", script, options=(*mounts, *options), check=check)


def versions(text):
    return {line.split()[1] for line in text.splitlines() if len(line.split()) == 2 and line[0].isdigit()}


def check_image_from_the_runner(docker, images, job):
    """FROM and RUN pip install, no more: as the image's user, with a package that is built on the spot."""
    image = docker.build(
        f"FROM {images.runner}\n"
        "RUN mkdir /tmp/p && cd /tmp/p "
        '&& printf \'from setuptools import setup\\nsetup(name="mine", version="1.5", py_modules=["mine"])\\n\' >setup.py '
        "&& echo 'VALUE = 42' >mine.py && pip install --no-index --no-build-isolation . && rm -rf /tmp/p\n"
    )
    (job / "entry.py").write_text(
        "import mine\n" + ENTRY.replace("platform.python_version()", "str(mine.VALUE)")
    )
    assert versions(run_job(docker, image, job).stdout) == {"42"}
    done = run_job(docker, image, job, name="table")
    assert sorted(map(int, [line for line in done.stdout.splitlines() if line.isdigit()])) == list(range(500))


@pytest.mark.other_distributions
@pytest.mark.parametrize(("suite", "python"), [("bullseye", "3.9"), ("trixie", "3.13")])
def check_other_debians(docker, programs, job, suite, python):
    """An older and a newer C library than the one the programs were built with."""
    done = run_job(docker, docker.debian_with_python(suite), job, programs=programs)
    (version,) = versions(done.stdout)
    assert version.startswith(python + ".")


@pytest.mark.other_distributions
def check_image_without_glibc(docker, programs, job):
    done = run_job(docker, docker.musl_with_python(), job, programs=programs)
    assert versions(done.stdout) == {"3.11.2"}


@pytest.mark.other_distributions
def check_library_of_the_csv_check_loads(docker, programs):
    """Of the programs, the one file that users' Python loads into itself."""
    load = "import ctypes; print(ctypes.CDLL('/opt/parallelrun/bin/python/libparallelrun_csv.so').parallelrun_csv_check)"
    for image in (
        docker.debian_with_python("bullseye"),
        docker.debian_with_python("trixie"),
        docker.musl_with_python(),
    ):
        done = docker.run(
            image, "python3", "-c", load, options=("--volume", f"{programs}:/opt/parallelrun:ro")
        )
        assert "_FuncPtr" in done.stdout


def check_image_without_python_says_so(docker, programs, job):
    done = run_job(docker, "debian:bookworm-slim", job, programs=programs, check=False)
    assert done.returncode == 1
    assert "there is no python3 on PATH" in done.stdout + done.stderr


@pytest.mark.other_distributions
def check_image_without_pandas_says_so(docker, programs, job):
    done = run_job(
        docker, docker.debian_with_python("trixie"), job, name="table", programs=programs, check=False
    )
    assert done.returncode == 1
    assert "pandas" in done.stdout + done.stderr


LISTEN = """\
import socket
server = socket.create_server(("", 7443))
while True:
    server.accept()[0].close()
    print("reached", flush=True)
"""


@pytest.fixture
def certificate(tmp_path):
    """Of nobody: enough to be asked to connect."""
    folder = tmp_path / "certificate"
    folder.mkdir()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=orchestrator", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "tls.key").chmod(0o644)
    tmp_path.chmod(0o755)
    return folder


@pytest.mark.other_distributions
def check_names_are_looked_up_without_the_image_s_help(docker, programs, certificate):
    """The agent finds its orchestrator by name where the image has no NSS of glibc, and no nsswitch.conf."""
    network = f"parallelrun-test-{uuid.uuid4().hex[:8]}"
    docker("network", "create", network)
    started = []

    def start(image, *command, options=()):
        started.append(
            docker(
                "run", "--detach", "--network", network, "--user", "65532", *options, image, *command
            ).stdout.strip()
        )
        return started[-1]

    try:
        trixie = docker.debian_with_python("trixie")
        server = start(trixie, "python3", "-c", LISTEN, options=("--network-alias", "orchestrator"))
        for image in (docker.musl_with_python(), docker.debian_with_python("bullseye")):
            before = docker("logs", server).stdout.count("reached")
            tls = (f"--tls-{name}=/tls/{file}" for name, file in TLS.items())
            mounts = ("--volume", f"{programs}:/opt/parallelrun:ro", "--volume", f"{certificate}:/tls:ro")
            agent = start(
                image,
                *(
                    PROGRAM,
                    "agent",
                    "--connect",
                    "orchestrator:7443",
                    "--name",
                    "a",
                    "--node",
                    "127.0.0.1",
                    *tls,
                ),
                options=("--env", "HOME=/tmp", *mounts),
            )
            deadline = time.monotonic() + 30
            while docker("logs", server).stdout.count("reached") == before:
                assert time.monotonic() < deadline, docker("logs", agent).stderr
                time.sleep(0.3)
            docker("rm", "--force", started.pop())
    finally:
        for container in started:
            docker("rm", "--force", container)
        docker("network", "rm", network)


@pytest.mark.other_distributions
def check_libraries_of_the_image_do_not_get_in(docker, programs, job):
    """LD_LIBRARY_PATH of an image, as conda's have it, leads to other versions of what our programs use."""
    image = docker.debian_with_python("trixie")
    path = "/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu"
    done = run_job(docker, image, job, programs=programs, options=("--env", f"LD_LIBRARY_PATH={path}"))
    assert len(versions(done.stdout)) == 1


@pytest.mark.other_distributions
def check_what_a_job_preloads_is_for_its_scripts_only(docker, programs, job):
    """An LD_PRELOAD of environment.variables that needs a newer C library than our programs bring."""
    newer = f"/usr/lib/{platform.machine()}-linux-gnu/libstdc++.so.6"
    manifest = yaml.safe_load((job / "files.yaml").read_text())
    manifest["spec"]["environment"] = {"variables": {"LD_PRELOAD": newer}}
    (job / "files.yaml").write_text(yaml.safe_dump(manifest))
    (job / "entry.py").write_text(
        ENTRY.replace(
            "platform.python_version()", "'3.' + str('libstdc++' in open('/proc/self/maps').read())"
        )
    )
    done = run_job(docker, docker.debian_with_python("trixie"), job, programs=programs)
    assert versions(done.stdout) == {"3.True"}
