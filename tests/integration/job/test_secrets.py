"""What a job keeps to itself: its secrets, its state, and the terminal of whoever runs it."""

import json
import os
import shutil
import stat
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from job_folder import JobFolder

NAMES = """
    import os
    def init():
        pass
    def run(mini_batch):
        return [os.path.basename(path) for path in mini_batch]
"""

# A script that looks for a way to speak for an agent, and tells in its rows what it met.
INTRUDER = r"""
    import glob, http.client, json, os, re, socket, struct
    found = {}

    def text(value):
        return struct.pack("<I", len(value)) + value.encode()

    def meet(key, what):
        try:
            found[key] = what()
        except Exception as error:
            found[key] = type(error).__name__

    def post(path, body, **headers):
        class Connection(http.client.HTTPConnection):
            def connect(self):
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.connect(endpoint)
        connection = Connection("localhost", timeout=30)
        connection.request("POST", path, body, headers)
        return connection.getresponse().status

    def register(name):
        return struct.pack("<I", 2) + text(name) + text("127.0.0.1") + struct.pack("<I", 1) + text("")

    def init():
        global endpoint
        everything = b""
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as line:
                    words = line.read()
                with open(path.replace("cmdline", "status")) as status:
                    owner = int(re.search(r"Uid:\s*(\d+)", status.read()).group(1))
            except OSError:
                continue
            if owner != os.getuid():  # others have numbers like tokens in theirs, of containers, say
                continue
            everything += words
            match = re.search(rb"unix:(/[^\0]*parallelrun-run[^\0]*)", words)
            if match and b"\0agent\0" in words and str(os.getppid()) == path.split("/")[2]:
                endpoint = os.fsdecode(match.group(1))
        agent = os.getppid()
        launcher = int(re.search(r"PPid:\s*(\d+)", open(f"/proc/{agent}/status").read()).group(1))
        for name, pid in (("agent", agent), ("launcher", launcher)):
            for file in ("environ", "maps", "mem", "fd"):
                path = f"/proc/{pid}/{file}"
                meet(f"{name} {file}", lambda: os.listdir(path) and "open" if file == "fd" else open(path, "rb").read(1) and "open")
        # A token is 64 hexadecimal digits.
        mine = "\0".join(f"{k}={v}" for k, v in os.environ.items()).encode() + everything
        for number in os.listdir("/proc/self/fd"):
            if int(number) > 6:
                meet("descriptor " + number, lambda: os.readlink(f"/proc/self/fd/{number}"))
        found["tokens"] = len(re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", mine))
        meet("without a token", lambda: post("/v1/register", register("agent000")))
        meet("a guess", lambda: post("/v1/register", register("agent000"), Authorization="ParallelRun agent000 " + "0" * 64))
        meet("a new name", lambda: post("/v1/register", register("agent7"), Authorization="ParallelRun agent7 " + "0" * 64))
        for session in (1, 2, 1 << 32 | 1, 1 << 32 | 2):
            body = struct.pack("<QQI", session, 1, 1)
            meet(f"session {session}", lambda: post("/v1/lease", body, Authorization="ParallelRun agent000 " + "0" * 64))

    def run(mini_batch):
        return [json.dumps(found)] * len(mini_batch)
"""


@pytest.fixture
def plain_user():
    """A user who is not root, for whom /proc has doors; and a folder that is his."""
    folder = Path(tempfile.mkdtemp(prefix="plain-user-"))
    if os.geteuid() != 0:
        yield folder, {}
    else:
        os.chown(folder, 65534, 65534)
        yield folder, {"user": 65534, "group": 65534, "extra_groups": []}
    shutil.rmtree(folder)


def hand_over(folder, who):
    for path in [folder, *folder.rglob("*")]:
        if who:
            os.chown(path, who["user"], who["group"])


def test_a_script_finds_no_way_to_speak_for_an_agent(plain_user):
    folder, who = plain_user
    job = JobFolder(folder / "job")
    job.script(INTRUDER).files(6).set(miniBatchSize=1, nodeCount=2)
    job.manifest()
    hand_over(folder, who)
    environment = job.environment(HOME=str(folder), TMPDIR=str(folder))
    environment.pop("XDG_RUNTIME_DIR", None)
    process = job.start(env=environment, **who)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert len(job.rows()) == 6
    for row in job.rows():
        found = json.loads(row)
        for name in ("agent", "launcher"):
            for file in ("environ", "maps", "mem", "fd"):
                assert found[f"{name} {file}"] == "PermissionError", found
        assert found["tokens"] == 0, found
        # One is that of the listing itself, which is closed by then.
        open_ones = {
            k: v for k, v in found.items() if k.startswith("descriptor") and v != "FileNotFoundError"
        }
        assert not open_ones, found
        assert found["without a token"] == found["a guess"] == found["a new name"] == 403, found
        assert {status for key, status in found.items() if key.startswith("session")} == {403}, found
    assert "was refused" in (job.out / "logs/sys/master_role.txt").read_text()


def everything_below(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def empty_index():
    """HOST:PORT of a server that has no file at all."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "127.0.0.1:%d" % server.server_port
    server.shutdown()
    server.server_close()


def test_values_of_variables_and_passwords_in_addresses_are_written_nowhere(
    embedded_job, tmp_path, empty_index
):
    job = embedded_job.script(NAMES).files(2)
    index = f"--extra-index-url=https://reader:hunter2-index@{empty_index}/simple"
    job.set(
        environment={
            "variables": {"API_TOKEN": "hunter2-variable"},
            "requirements": [
                "no-such-package-here @ "
                f"http://me:hunter2-wheel@{empty_index}/no_such_package_here-1-py3-none-any.whl"
            ],
        },
        arguments=["--db", "postgresql://me:hunter2-argument@db/x", index],
    )
    environment = job.environment(XDG_CACHE_HOME=str(tmp_path / "cache"), PIP_RETRIES="0", PIP_TIMEOUT="2")
    outcome = job.run(env=environment, timeout=300)
    assert outcome.code == 1, outcome.words
    assert "hunter2" not in outcome.words
    assert f"***@{empty_index}" in outcome.words
    for path, content in everything_below(job.out).items():
        assert b"hunter2" not in content, path
    driver = (job.out / "logs/70_driver_log.txt").read_text()
    assert '"API_TOKEN":"***"' in driver
    environment_log = next(job.out.rglob("environment.txt")).read_text()
    assert f"http://***@{empty_index}/" in environment_log


def test_state_and_driver_log_are_for_their_owner_alone(embedded_job):
    job = embedded_job.script(NAMES).files(2)
    (job.out / ".parallelrun").mkdir(parents=True, mode=0o755)
    previous = os.umask(0)
    try:
        job.run().expect(0)
    finally:
        os.umask(previous)

    def mode(path):
        return stat.S_IMODE(path.lstat().st_mode)

    state = job.out / ".parallelrun"
    assert mode(state) == 0o700
    assert {mode(path) for path in state.iterdir()} == {0o600}, list(state.iterdir())
    assert mode(job.out / "logs/70_driver_log.txt") == 0o600
    for name in ("parallel_run_step.txt", "failed_items.jsonl", "_SUCCESS"):
        assert mode(job.out / name) & 0o044 == 0o044, f"results are for others, too: {name}"


@pytest.mark.parametrize(
    "name", [".parallelrun", "logs", "parallel_run_step.txt", "failed_items.jsonl", "_SUCCESS"]
)
def test_links_in_the_output_directory_are_refused(embedded_job, tmp_path, name):
    job = embedded_job.script(NAMES).files(2)
    job.out.mkdir()
    outside = tmp_path / "outside"
    if name in (".parallelrun", "logs"):
        outside.mkdir()
    else:
        outside.write_text("theirs")
    (job.out / name).symlink_to(outside)
    outcome = job.run().expect(2)
    assert f"{name}' is a symbolic link" in outcome.stderr, outcome.stderr
    assert "remove the link, or choose another output directory" in outcome.stderr
    assert list(outside.iterdir()) == [] if outside.is_dir() else outside.read_text() == "theirs"


EVIL = "\x1b]0;owned\x07\x1b[2J\u202etxt\u2066\u200f\n[fake line]"


def hidden(text):
    return [
        c for c in text if ord(c) < 32 and c != "\n" or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u200f"
    ]


def test_a_scripts_words_do_not_steer_the_terminal_or_our_logs(embedded_job):
    job = embedded_job.script(
        f"""
        import sys
        def init():
            pass
        def run(mini_batch):
            print({EVIL!r}, flush=True)
            raise ValueError({EVIL!r} + "\\udcff")
        """
    ).files(3)
    job.set(runMaxTry=1)
    outcome = job.run().expect(1)
    assert not hidden(outcome.words), repr(outcome.words)
    assert "\\x1b]0;owned\\x07" in outcome.words and "\\u202etxt" in outcome.words
    for path, content in everything_below(job.out / "logs").items():
        if "user/stdout" in str(path):
            assert EVIL.encode() in content, "the script's own output stays as it is"
        elif "user/stderr" not in str(path):
            assert not hidden(content.decode()), (path, content)
    events = job.run("--json").stdout
    assert not hidden(events) and events.isascii()


def test_a_manifests_keys_and_names_do_not_steer_the_terminal(embedded_job):
    job = embedded_job.script(NAMES).files(1)
    job.set(**{f"nodeCount{EVIL}": 1, "entryScript": f"a{EVIL}.py"})
    for options in ((), ("--set", f"miniBatch{EVIL}=1"), ("--input", f"x{EVIL}=y"), (f"--{EVIL}",)):
        outcome = job.run(*options).expect(2)
        assert not hidden(outcome.words), repr(outcome.words)
        assert "[fake line]" not in outcome.words.splitlines()
