"""Whoever has not got the link gets nothing, and who has it gets nothing but what lies in the folders."""

import http.client
import os
import resource
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from checkout import PROGRAM
from waiting import PATIENCE, wait_for
from web_client import Answer, Page

DATA = [
    "/api/worlds",
    "/api/jobs",
    "/api/jobs/d1",
    "/api/jobs/d1/logs",
    "/api/events",
    "/api",
    "/api/nothing",
]


@pytest.mark.parametrize("path", DATA)
def test_data_needs_the_token(page, path):
    for headers in (
        {"Authorization": None},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer " + page.token[:-1]},
        {"Authorization": "Bearer " + page.token + "0"},
        {"Authorization": "Basic " + page.token},
        {"Authorization": page.token},
    ):
        answer = page.send(path, headers=headers)
        assert (
            "open the link" in answer.refused(401, "NoRights")
            and answer.headers["WWW-Authenticate"] == "Bearer"
        )
    query = page.send(f"{path}?token={page.token}", headers={"Authorization": None})
    assert query.status == 401, "an address stands in logs and histories"


@pytest.mark.parametrize("path", ["/", "/api/jobs", "/assets/main-abc.js"])
def test_other_names_of_this_machine_are_refused(page, path):
    for host in (
        "evil.example",
        f"evil.example:{page.port}",
        "127.0.0.1",
        f"127.0.0.1:{page.port + 1}",
        "",
        None,
    ):
        headers = {"Host": host} if host is not None else {}
        if host is None:
            with socket.create_connection(("127.0.0.1", page.port), timeout=PATIENCE) as peer:
                peer.sendall(f"GET {path} HTTP/1.0\r\nAuthorization: Bearer {page.token}\r\n\r\n".encode())
                assert b" 403 " in peer.recv(4096)
            continue
        page.send(path, headers=headers).refused(403, "NoRights")
    assert page.send(path, headers={"Host": f"localhost:{page.port}"}).status == 200


def test_every_answer_has_the_fields_of_security(page):
    for answer in (
        page.send("/"),
        page.send("/assets/main-abc.js"),
        page.send("/none"),
        page.send("/api/jobs"),
        page.send("/api/jobs", token="x"),
        page.send("/", method="DELETE"),
        page.send("/", headers={"Host": "evil"}),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert (
            "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert page.send("/api/jobs").headers["Cache-Control"] == "no-store"
    assert page.send("/api/jobs").headers["Content-Type"] == "application/json"


def test_files_of_the_page(page):
    assert page.send("/", headers={"Authorization": None}).body == page.send("/index.html").body
    assert page.send("/").headers["Content-Type"] == "text/html; charset=utf-8"
    script = page.send("/assets/main-abc.js")
    assert (
        script.headers["Content-Type"].startswith("text/javascript")
        and "immutable" in script.headers["Cache-Control"]
    )
    assert page.send("/assets/main-abc.js", method="HEAD").headers["Content-Length"] == str(len(script.body))
    for path in (
        "/assets",
        "/assets/",
        "/secret.key",
        "/index.html/",
        "//index.html",
        "/INDEX.html",
        "/%61pi/jobs",
    ):
        page.send(path).refused(404, "NotFound")


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "/etc/passwd",
        "..",
        "a/../../b",
        "",
        "sys//master_role.txt",
        "./sys/master_role.txt",
    ],
)
def test_no_path_leaves_the_logs(page, path):
    for what in ("log", "search"):
        answer = page.send(f"{page.of('one')}/{what}?text=a&path={path}")
        assert answer.refused(400, "Invalid"), path


@pytest.mark.parametrize(
    "target",
    [
        "/../x",
        "/%2e%2e/x",
        "/api/jobs/..",
        "/a%2fb",
        "/%",
        "/%zz",
        "/%00",
        "/api/jobs?a=%",
        "/api/jobs?a=1&a=2",
    ],
)
def test_malformed_addresses(page, target):
    page.send(target).refused(400, "Invalid")


def test_queries_are_checked(page):
    for query in ("limit=0", "limit=5001x", "limit=-1", "limit=1e3", "limit=99999999999999999999"):
        assert "limit is" in page.send(f"{page.of('one')}/rows?{query}").refused(400, "Invalid")
    page.send(f"{page.of('one')}/log?path=sys/master_role.txt&length=1048577").refused(400, "Invalid")
    page.send(f"{page.of('one')}/search?path=sys/master_role.txt&text=").refused(400, "Invalid")
    page.send(f"{page.of('one')}/search?path=sys/master_role.txt&text={'x' * 1001}").refused(400, "Invalid")
    page.send(page.of("one") + "/nothing").refused(400, "Invalid")
    page.send("/api/jobs/d000000000000000000000000").refused(404, "NotFound")
    page.send("/api/jobs/zzz").refused(404, "NotFound")
    page.send("/api/nothing").refused(404, "NotFound")
    page.send(page.of("one") + "/log?path=none.txt").refused(404, "NotFound")


def test_deeds_need_token_type_and_a_small_body(page):
    path = page.of("one") + "/cancel"
    assert page.post(path, token="0" * 64).status == 401
    for kind in (None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        page.send(path, "POST", "{}", {"Content-Type": kind}).refused(415, "Invalid")
    for body in ("[]", "{", "1", "\xff"):
        page.send(path, "POST", body.encode("latin-1"), {"Content-Type": "application/json"}).refused(
            400, "Invalid"
        )
    assert page.send(path, "POST", "x" * 20_000, {"Content-Type": "application/json"}).status == 413
    assert page.post(path).refused(409, "Invalid").startswith("no run works")
    assert page.post(page.of("one") + "/suspend").refused(409, "Invalid")
    assert "no such verb" in page.post(page.of("one") + "/explode").refused(409, "Invalid")
    page.post("/api/jobs").refused(404, "NotFound")
    page.post("/index.html").refused(405, "Invalid")
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert page.send(path, method).status == 405


def test_headers_have_a_limit(page):
    assert page.send("/", headers={"X": "y" * 20_000}).status in (400, 431)
    assert page.send("/api/jobs").status == 200


def test_pages_that_do_not_read_cost_little_and_are_few(page):
    streams = [page.events() for _ in range(32)]
    try:
        assert "32 pages are open, which is the most for one viewer" in page.send("/api/events").refused(
            503, "Unreachable"
        )
        assert page.send("/api/jobs").status == 200, "others are served"
    finally:
        for stream in streams:
            stream.close()
    wait_for(lambda: (s := page.events()).head[0].endswith("200 OK") or s.close(), "room for one more")


def test_the_token_stands_nowhere(page):
    for name in ("cmdline", "comm"):
        with open(f"/proc/{page.process.pid}/{name}", "rb") as file:
            assert page.token.encode() not in file.read()
    assert len(page.token) == 64


def test_it_listens_on_this_machine_alone(page):
    listening = subprocess.run(["ss", "-ltnH", f"sport = :{page.port}"], capture_output=True, text=True)
    if listening.returncode == 0:
        assert listening.stdout.split()[3] == f"127.0.0.1:{page.port}"


def test_what_cannot_be_served_is_refused_at_the_start(tmp_path, pages):
    def refused(*words, code=2):
        done = subprocess.run(
            [str(PROGRAM), "ui", *map(str, words)], capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == code and done.stdout == "", done.stderr
        return done.stderr

    assert "is no folder" in refused(tmp_path / "none", "--pages", pages)
    (tmp_path / "file").write_text("")
    assert "is no folder" in refused(tmp_path / "file", "--pages", pages)
    assert "make ui" in refused(tmp_path, "--pages", tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "another process listens" in refused(tmp_path, "--pages", pages, "--port", port, code=1)


@pytest.fixture
def open_to_all(pages, results):
    """Copies that every user may read: the pages, and a job."""
    with tempfile.TemporaryDirectory(prefix="parallelrun-web-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(pages, folder / "pages")
        shutil.copytree(results / "one" / "out", folder / "out")
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder


def test_what_one_may_not_read_is_told_from_what_is_not_there(open_to_all):
    log = open_to_all / "out" / "logs" / "sys" / "master_role.txt"
    state = open_to_all / "out" / ".parallelrun" / "result.json"
    # Root may read everything.
    user = 65534 if os.geteuid() == 0 else None
    with Page(open_to_all, pages=open_to_all / "pages", user=user) as page:
        path = page.of("one")
        log.chmod(0)
        message = page.send(path + "/log?path=sys/master_role.txt").refused(403, "NoRights")
        assert "'logs/sys/master_role.txt'" in message and "you have no right" in message
        message = page.send(path + "/log?path=sys/none.txt").refused(404, "NotFound")
        assert "is not there" in message
        page.send(f"{path}/log?path={'x' * 300}").refused(404, "NotFound")
        state.chmod(0)
        message = page.send(path).refused(403, "NoRights")
        assert str(state) in message and "you have no right" in message


def test_the_list_notices_what_may_be_read_no_more_and_again(open_to_all):
    """Though nothing is written: only rights are taken, and given back."""
    user = 65534 if os.geteuid() == 0 else None
    out = open_to_all / "out"
    with Page(open_to_all, pages=open_to_all / "pages", user=user) as page:
        path = page.of("one")
        for taken in (out / ".parallelrun" / "result.json", out / ".parallelrun", out):
            mode = taken.stat().st_mode
            events = page.events()
            taken.chmod(0)
            events.next("reload")
            answer = wait_for(lambda: page.get("/api/jobs")["unread"] and page.get("/api/jobs"), "it is said")
            assert answer["jobs"] == [] and "you have no right" in answer["unread"][0], taken
            page.send(path).refused(403, "NoRights")
            taken.chmod(mode)
            events.next("reload")
            wait_for(lambda: set(page.jobs()) == {"one"}, "it is back in the list")
            assert page.get("/api/jobs")["unread"] == []
            assert page.send(path).status == 200
            events.close()
    (out / ".parallelrun").chmod(0)
    with Page(open_to_all, pages=open_to_all / "pages", user=user) as page:
        (words,) = page.get("/api/jobs")["unread"]
        assert "you have no right" in words
    (out / ".parallelrun").chmod(0o755)


def test_trouble_of_the_system_is_no_question_of_rights(page):
    descriptors = f"/proc/{page.process.pid}/fd"
    path = page.of("one") + "/log?path=sys/master_role.txt"
    fields = {"Authorization": f"Bearer {page.token}"}
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=PATIENCE)
    connection.request("GET", path, headers=fields)
    assert connection.getresponse().read()
    _, hard = resource.prlimit(page.process.pid, resource.RLIMIT_NOFILE)
    free = next(number for number in range(1000) if not os.path.lexists(f"{descriptors}/{number}"))
    before = resource.prlimit(page.process.pid, resource.RLIMIT_NOFILE, (free, hard))
    try:
        connection.request("GET", path, headers=fields)
        response = connection.getresponse()
        message = Answer(response, response.read()).refused(500, "Failed")
        assert "Too many open files" in message and "ulimit -n" in message
    finally:
        resource.prlimit(page.process.pid, resource.RLIMIT_NOFILE, before)
        connection.close()
    assert page.send(path).status == 200
