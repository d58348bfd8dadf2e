"""Environments that uv makes, that a folder of wheels or a conda file describes, and whose index is a secret."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from packages import USES_THE_WHEEL, Index, finish, make_wheel
from scripted_orchestrator import ABORT


def find_uv():
    """A program, and not a shim of one that is not there."""
    for folder in os.environ["PATH"].split(os.pathsep):
        found = shutil.which("uv", path=folder)
        if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return found
    return None


UV = find_uv()
needs_uv = pytest.mark.skipif(UV is None, reason="there is no uv on PATH")
INSTALLERS = ["pip", pytest.param("uv", marks=needs_uv)]


def by(installer, tmp_path, **more):
    """The variables with which that one installs."""
    variables = {"PARALLELRUN_INSTALLER": installer, "UV_CACHE_DIR": str(tmp_path / "uv-cache"), **more}
    if installer == "uv":
        variables["PATH"] = "%s:%s" % (Path(UV).parent, os.environ["PATH"])
    return variables


def environment_of(tmp_path):
    (environment,) = (path for path in (tmp_path / "cache/parallelrun/venvs").iterdir() if path.is_dir())
    return environment


@needs_uv
def test_uv_installs_once_for_all(job, tmp_path, wheel):
    variables = by("uv", tmp_path)
    requirement = ["greeting @ file://%s" % wheel]
    both = [job(name, USES_THE_WHEEL, "python", requirement, variables) for name in ("one", "two")]
    rows = [finish(*each) for each in both]
    assert rows[0] == rows[1] and rows[0].startswith("1.2 from " + str(tmp_path / "cache"))
    logs = [orchestrator.log("environment.txt") for orchestrator, _ in both]
    assert sum("uv pip install" in log for log in logs) == 1
    assert sum("installed with uv " in log for log in logs) == 1
    assert list(environment_of(tmp_path).glob("lib/python3*/site-packages/__pycache__/greeting*.pyc"))
    left = [path.name for path in (tmp_path / "cache/parallelrun/venvs").iterdir()]
    assert sorted(name[32:] for name in left) == ["", ".lock"]


def base_with(tmp_path, version):
    """An active environment that has greeting in that version, with an entry point."""
    active = tmp_path / "active"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", str(active)], check=True)
    (packages,) = active.glob("lib/python3*/site-packages")
    (packages / "greeting.py").write_text("__version__ = %r\n" % version)
    info = packages / ("greeting-%s.dist-info" % version)
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: %s\n" % version)
    (info / "entry_points.txt").write_text("[of_the_base]\nx = greeting:x\n")
    return active


SAYS_WHICH = """
    from importlib import metadata
    def init(): pass
    def run(mini_batch):
        import greeting, other
        points = metadata.entry_points()
        points = points.select(group="of_the_base") if hasattr(points, "select") else points.get("of_the_base", [])
        return ["%s %s %s %d" % (greeting.__version__, metadata.version("greeting"), greeting.__file__, len(points))]
    """


@needs_uv
@pytest.mark.parametrize(
    "needs, version, place", [("greeting", "1.0", "active"), ("greeting>=1.1", "1.2", "cache")]
)
def test_uv_sees_the_packages_of_the_base_as_pip_does(job, tmp_path, needs, version, place):
    """What the base has is not installed again, and what does not fit is installed above it, not in its place."""
    active = base_with(tmp_path, "1.0")
    before = sorted(path.name for path in active.rglob("*"))
    wheels = tmp_path / "wheels"
    make_wheel(wheels)
    make_wheel(wheels, "other", "1", [needs])
    variables = by("uv", tmp_path, VIRTUAL_ENV=str(active), PIP_FIND_LINKS=str(wheels))
    row = finish(*job("one", SAYS_WHICH, "python", ["other"], variables))
    imported, described, path, points = row.split()
    assert imported == described == version
    assert path.startswith(str(tmp_path / place))
    assert points == ("1" if place == "active" else "0")
    described = list(environment_of(tmp_path).glob("lib/python3*/site-packages/greeting-*.dist-info"))
    assert len(described) == (0 if place == "active" else 1), "what uv was lent is taken back"
    after = sorted(path.name for path in active.rglob("*") if "__pycache__" not in str(path))
    assert after == [name for name in before if name != "__pycache__" and not name.endswith(".pyc")]


@needs_uv
def test_what_uv_cannot_resolve_ends_the_job_with_its_reason(job, tmp_path):
    orchestrator, agent = job(
        "one", USES_THE_WHEEL, "python", ["no-such-package-here==1"], by("uv", tmp_path)
    )
    orchestrator.wait(lambda: orchestrator.failures, "a failure", 240)
    (failure,) = orchestrator.failures
    assert failure["fatal"]
    said = failure["error"]["message"]
    assert "no-such-package-here was not found" in said
    assert said.index("No solution found") < said.index("the last lines of uv "), said
    orchestrator.tell(ABORT)
    assert agent.wait() == 0


@needs_uv
@pytest.mark.parametrize("how", ["answers with 503", "closed"])
def test_uv_asks_an_index_again_that_is_away_for_a_while(job, tmp_path, wheel, how):
    """It is told of the index in pip's words."""
    index = Index(wheel, 2, how)
    variables = by("uv", tmp_path, **index.variables)
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", ["greeting"], variables)
    assert finish(orchestrator, agent, failures=2).startswith("1.2 from ")
    assert [failure["fatal"] for failure in orchestrator.failures] == [False, False]
    assert "installed with uv " in orchestrator.log("environment.txt")


@needs_uv
def test_pip_installs_where_it_is_told_what_uv_has_no_word_for(job, tmp_path, wheel):
    variables = by("uv", tmp_path, PARALLELRUN_INSTALLER="", PIP_NO_BINARY="nothing-of-this-name")
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", ["greeting @ file://%s" % wheel], variables)
    finish(orchestrator, agent)
    log = orchestrator.log("environment.txt")
    assert "uv is not used: pip has the setting 'no-binary', which uv does not have" in log
    assert "installed with pip in " in log


def test_an_installer_that_is_asked_for_and_not_there(job, tmp_path, wheel):
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    (nothing / "uv").write_text("#!/bin/sh\nexit 127\n")
    (nothing / "uv").chmod(0o755)
    path = "%s:%s" % (nothing, os.environ["PATH"])
    requirement = ["greeting @ file://%s" % wheel]
    orchestrator, agent = job(
        "one", USES_THE_WHEEL, "python", requirement, {"PARALLELRUN_INSTALLER": "uv", "PATH": path}
    )
    orchestrator.wait(lambda: orchestrator.failures, "a failure", 240)
    assert (
        "PARALLELRUN_INSTALLER is 'uv', but uv cannot be used" in orchestrator.failures[0]["error"]["message"]
    )
    # Of itself it takes what is there.
    own = {"PARALLELRUN_INSTALLER": "", "PATH": path}
    orchestrator, agent = job("two", USES_THE_WHEEL, "python", requirement, own)
    finish(orchestrator, agent)
    assert "uv is not used: '%s/uv' does not run" % nothing in orchestrator.log("environment.txt")


@pytest.mark.parametrize("installer", INSTALLERS)
@pytest.mark.parametrize("found", [True, False])
def test_an_index_of_a_secret_is_used_and_stands_in_no_log(job, tmp_path, wheel, installer, found):
    index = Index(wheel, user="robot:hunter2hunter2", path="/t/0123456789abcdef")
    secret = {"secretKeyRef": {"name": "index", "key": "url"}}
    environment = {
        "requirements": ["greeting" if found else "greeting==7"],
        "env": [{"name": "PIP_INDEX_URL", "valueFrom": secret}],
    }
    variables = by(installer, tmp_path, **index.variables)
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", environment, variables)
    if found:
        assert finish(orchestrator, agent).startswith("1.2 from ")
    else:
        orchestrator.wait(lambda: orchestrator.failures, "a failure", 240)
        assert orchestrator.failures[0]["fatal"]
        assert "greeting==7" in orchestrator.failures[0]["error"]["message"]
        orchestrator.tell(ABORT)
        assert agent.wait() == 0
    assert index.requests > 0
    everything = repr(orchestrator.logs) + repr(orchestrator.failures)
    assert "greeting" in everything
    for secret in ("hunter2", "0123456789abcdef"):
        assert secret not in everything


def test_the_jobs_own_variables_reach_the_installer(job, tmp_path, wheel):
    index = Index(wheel)
    environment = {"requirements": ["greeting"], "variables": index.variables}
    assert finish(*job("one", USES_THE_WHEEL, "python", environment)).startswith("1.2 from ")


# --- a folder of wheels ---


@pytest.mark.parametrize("installer", INSTALLERS)
def test_wheels_of_a_folder_are_all_there_is(job, tmp_path, installer):
    """No index is asked, whatever the settings say; another content is another environment."""
    unreachable = {
        "PIP_NO_INDEX": "",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    variables = by(installer, tmp_path, **unreachable)
    environment = {"requirements": ["greeting"], "wheels": "wheels"}

    def with_version(version):
        return lambda code: make_wheel(code / "wheels", version=version)

    old = job("one", USES_THE_WHEEL, "python", environment, variables, with_version("1.2"))
    assert finish(*old).startswith("1.2 from ")
    new = job("two", USES_THE_WHEEL, "python", environment, variables, with_version("1.3"))
    assert finish(*new).startswith("1.3 from ")
    same = job("three", USES_THE_WHEEL, "python", environment, variables, with_version("1.2"))
    assert finish(*same).startswith("1.2 from ")
    assert "$ " not in same[0].log("environment.txt"), "what one job has made is there for the next"

    lacking = {"requirements": ["numpy-of-another-planet"], "wheels": "wheels"}
    orchestrator, agent = job("four", USES_THE_WHEEL, "python", lacking, variables, with_version("1.2"))
    orchestrator.wait(lambda: orchestrator.failures, "a failure", 240)
    said = orchestrator.failures[0]["error"]["message"]
    assert orchestrator.failures[0]["fatal"]
    assert said.startswith(
        "spec.environment.requirements (numpy-of-another-planet) from the wheels in '%s/four/code/wheels' cannot be "
        "installed" % tmp_path
    )


def test_a_folder_of_wheels_that_is_not_there(job, tmp_path):
    environment = {"requirements": ["greeting"], "wheels": "/no/such/folder"}
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", environment)
    orchestrator.wait(lambda: orchestrator.failures, "a failure", 240)
    assert orchestrator.failures[0]["fatal"]
    assert (
        orchestrator.failures[0]["error"]["message"]
        == "spec.environment.wheels: there is no folder '/no/such/folder'"
    )


@needs_uv
def test_uv_among_the_wheels_is_used(job, tmp_path):
    def prepare(code):
        make_wheel(code / "wheels")
        make_wheel(code / "wheels", "uv", "0.1", scripts=[("uv", '#!/bin/sh\nexec %s "$@"\n' % UV)])

    without = os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep) if not shutil.which("uv", path=folder)
    )
    variables = {"PARALLELRUN_INSTALLER": "", "UV_CACHE_DIR": str(tmp_path / "uv-cache"), "PATH": without}
    active = base_with(tmp_path, "1.0")
    variables["VIRTUAL_ENV"] = str(active)
    environment = {"requirements": ["greeting==1.2"], "wheels": "wheels"}
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", environment, variables, prepare)
    assert finish(orchestrator, agent).startswith("1.2 from ")
    assert "installed with uv " in orchestrator.log("environment.txt")


# --- a conda file ---


def conda(text):
    return lambda code: (make_wheel(code / "wheels"), (code / "conda.yaml").write_text(text))


CONDA = {"condaFile": "conda.yaml", "wheels": "wheels"}


@pytest.mark.parametrize("installer", INSTALLERS)
def test_the_pip_part_of_a_conda_file(job, tmp_path, installer):
    def prepare(code):
        conda(
            "name: x\nchannels: [conda-forge]\ndependencies:\n- python=3\n- pip\n- pytest\n- pip:\n  - -r more/r.txt\n"
        )(code)
        (code / "more").mkdir()
        (code / "more" / "r.txt").write_text("greeting==1.2\n")

    orchestrator, agent = job("one", USES_THE_WHEEL, "python", CONDA, by(installer, tmp_path), prepare)
    assert finish(orchestrator, agent).startswith("1.2 from ")
    assert "packages of conda that are there already: pytest " in orchestrator.log("environment.txt")
    names = sorted(path.name[32:] for path in (tmp_path / "cache/parallelrun/venvs").iterdir())
    assert names == ["", ".lock"]


@pytest.mark.parametrize(
    "lines, said",
    [
        ("- python=2.7", "it asks for 'python=2.7', but python3 is "),
        (
            "- python=3\n- cudatoolkit=11\n- pytest=0.1",
            "there is no conda: 'cudatoolkit=11', 'pytest=0.1' (there is ",
        ),
        ("- {pip: greeting}", "'pip:' is not a list"),
        ("- pip: [no-such-package-here]", "the list 'pip:' of spec.environment.condaFile '"),
    ],
)
def test_what_a_conda_file_asks_for_and_cannot_have(job, lines, said):
    orchestrator, agent = job(
        "one", USES_THE_WHEEL, "python", CONDA, (), conda("dependencies:\n%s\n" % lines)
    )
    orchestrator.wait(lambda: orchestrator.failures, "a failure", 240)
    assert orchestrator.failures[0]["fatal"]
    message = orchestrator.failures[0]["error"]["message"]
    assert message.startswith(("spec.environment.condaFile", "the list 'pip:' of")) and said in message, (
        message
    )


def test_another_python_that_a_conda_file_asks_for(job, tmp_path):
    """One of its version on PATH takes the place of the active one."""
    programs = tmp_path / "programs"
    programs.mkdir()
    system = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (programs / "python3").write_text('#!/bin/sh\nexec /usr/bin/python3 "$@"\n')
    fake = programs / "python3"
    # Says that it is of another version.
    fake.write_text(
        '#!/bin/sh\n[ "$2" = -c ] || exec /usr/bin/python3 "$@"\n'
        '/usr/bin/python3 "$@" | sed -E \'s/"version": "[0-9.]+"/"version": "3.1.4"/\'\n'
    )
    fake.chmod(0o755)
    (programs / ("python" + system)).symlink_to("/usr/bin/python" + system)
    variables = {"VIRTUAL_ENV": "", "PATH": "%s:%s" % (programs, os.environ["PATH"])}
    text = "dependencies:\n- python=%s\n- pip: [greeting]\n" % system
    orchestrator, agent = job("one", USES_THE_WHEEL, "python", CONDA, variables, conda(text))
    assert finish(orchestrator, agent).startswith("1.2 from ")
    assert "python %s." % system in orchestrator.log("environment.txt")
