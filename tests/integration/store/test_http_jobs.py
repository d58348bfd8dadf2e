"""Jobs whose inputs lie at addresses."""

import hashlib
import json
import time

import pytest
from loopback import Handler, LoopbackServer
from store_job import StoreJob
from waiting import wait_for

TOKEN = "a-bearer-token-of-the-tests"


class Site(LoopbackServer):
    """Objects by path, for those who have the token. {path: bytes, or the address that it redirects to}."""

    def __init__(self, objects, token=None):
        super().__init__(_Page)
        self.objects = objects
        self.token = token
        self.cut = {}  # path -> after so many bytes, once
        self.seen = []  # Authorization of each request
        self.etags = True
        self.sizes = True  # told without a body
        self.refused = {}  # path -> status
        self.changing = set()  # paths whose content is another one for each GET
        self.gets = 0

    def url(self, path):
        return f"http://{self.address}{path}"


class _Page(Handler):
    def _serve(self):
        site = self.server.owner
        site.seen.append(self.headers.get("Authorization"))
        if site.token is not None and self.headers.get("Authorization") != site.token:
            return self.answer(401)
        if self.path in site.refused:
            return self.answer(site.refused[self.path])
        content = site.objects.get(self.path)
        if content is None:
            return self.answer(404)
        if isinstance(content, str):
            self.send_response(302)
            self.send_header("Location", content)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path in site.changing and self.command == "GET":
            site.gets += 1
            content = bytes([site.gets]) * len(content)
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        if self.headers.get("If-Match") not in (None, etag):
            return self.answer(412)
        begin, end = 0, len(content)
        span = self.headers.get("Range")
        if span:
            first, last = span.removeprefix("bytes=").split("-")
            begin, end = int(first), int(last) + 1
        self.send_response(206 if span else 200)
        if site.sizes or self.command != "HEAD":
            self.send_header("Content-Length", str(end - begin))
        if site.etags:
            self.send_header("ETag", etag)
        self.end_headers()
        if self.command == "HEAD":
            return None
        if self.path in site.cut:
            self.wfile.write(content[begin : begin + site.cut.pop(self.path)])
            self.wfile.flush()
            return self.cut()
        self.wfile.write(content[begin:end])
        return None

    do_GET = do_HEAD = _serve


def make_job(folder, urls):
    job = StoreJob(folder)
    job.spec["inputs"] = [{"name": "pages", "type": "file", "source": {"http": {"urls": urls}}}]
    job.script(
        """
        import os
        def init():
            pass
        def run(mini_batch):
            return [f"{os.path.basename(path)} {os.path.getsize(path)} {open(path, 'rb').read()[:3]}" for path in mini_batch]
        """
    )
    return job.set(miniBatchSize=1)


def test_addresses_with_a_token_and_a_redirect_elsewhere(tmp_path):
    with Site({"/far.bin": b"far"}) as elsewhere:
        objects = {
            "/a.txt": b"one",
            "/x/a.txt": b"two",
            "/big": b"z" * 40_000_000,
            "/r": elsewhere.url("/far.bin"),
        }
        with Site(objects, f"Bearer {TOKEN}") as site:
            site.cut = {"/big": 5_000_000, "/a.txt": 1}
            job = make_job(tmp_path, [site.url(path) for path in objects])
            outcome = job.run("--credentials", job.credentials(f"bearerToken: {TOKEN}\n", "pages")).expect(0)
            assert sorted(job.rows()) == [
                "a.txt 3 b'one'",
                "a.txt 3 b'two'",
                "big 40000000 b'zzz'",
                "r 3 b'far'",
            ]
            assert TOKEN not in outcome.words
        # The token is for the first host alone.
        assert set(elsewhere.seen) == {None}
    assert "2 cut or unreachable" in job.log("70_driver_log.txt")
    assert job.left_in_cache() == []


def test_a_name_and_a_password(tmp_path):
    with Site({"/a": b"one"}, "Basic dXNlcjpwYXNzd29yZA==") as site:
        job = make_job(tmp_path, [site.url("/a")])
        job.run("--credentials", job.credentials("username: user\npassword: password\n", "pages")).expect(0)
        assert job.rows() == ["a 3 b'one'"]


@pytest.mark.parametrize(
    "path, words",
    [
        ("/a", "refuses the credentials: HTTP status 401"),
        ("/none", "refuses the credentials: HTTP status 401"),
    ],
)
def test_without_the_token(tmp_path, path, words):
    with Site({"/a": b"one"}, f"Bearer {TOKEN}") as site:
        job = make_job(tmp_path, [site.url(path)])
        outcome = job.run()
        assert outcome.code == 2
        assert words in outcome.stderr and "give them with --credentials" in outcome.stderr
        assert len(outcome.stderr.splitlines()) == 1


def test_a_line_break_behind_the_token_is_none_of_it(tmp_path):
    with Site({"/a": b"one"}, f"Bearer {TOKEN}") as site:
        job = make_job(tmp_path, [site.url("/a")])
        job.run("--credentials", job.credentials(json.dumps({"bearerToken": TOKEN + "\n"}), "pages")).expect(
            0
        )
        assert job.rows() == ["a 3 b'one'"]


def test_a_token_that_no_header_can_hold_is_told_without_it(tmp_path):
    """Also where it comes while the job runs."""
    bad = json.dumps({"bearerToken": "a-SECRET\ntok"})
    with Site({f"/{number}": b"one" for number in range(3)}, f"Bearer {TOKEN}") as site:
        job = make_job(tmp_path, [site.url(path) for path in site.objects])
        outcome = job.run("--credentials", job.credentials(bad, "pages"))
        assert outcome.code == 2 and len(outcome.stderr.splitlines()) == 1, outcome.words
        assert "the key 'bearerToken' has a line break" in outcome.stderr
        assert "SECRET" not in outcome.words

        job.script(
            """
            import os, time
            def init():
                pass
            def run(mini_batch):
                open(os.environ["FLAG"], "w").close()
                while not os.path.exists(os.environ["GO"]):
                    time.sleep(0.02)
                return mini_batch
            """
        )
        flag, go = job.root / "flag", job.root / "go"
        running = job.start(
            "--credentials",
            job.credentials(f"bearerToken: {TOKEN}\n", "pages"),
            env=job.environment(FLAG=str(flag), GO=str(go)),
        )
        wait_for(flag.exists, "the first mini-batch")
        job.credentials(bad, "pages")
        site.token = "Bearer another"
        go.touch()
        out, err = running.communicate(timeout=120)
        assert running.returncode == 1, out + err
        assert "the key 'bearerToken' has a line break" in err
        assert "SECRET" not in out + err + job.log("70_driver_log.txt")


@pytest.mark.parametrize(
    "url, words",
    [
        ("http://127.0.0.1:1/a b", "has a space or a character that is not ASCII; write it percent-encoded"),
        ("http://127.0.0.1:1/ü", "has a space or a character that is not ASCII; write it percent-encoded"),
        ("http://[::1/x", "has a host or a port that cannot be one"),
        ("http://127.0.0.1:abc/x", "has a host or a port that cannot be one"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(tmp_path, url, words):
    job = make_job(tmp_path, [url])
    began = time.monotonic()
    outcome = job.run()
    assert outcome.code == 2 and len(outcome.stderr.splitlines()) == 1, outcome.words
    assert words in outcome.stderr
    assert time.monotonic() - began < 15


def test_a_refusal_of_one_address_fails_its_mini_batch(tmp_path):
    statuses = (403, 400, 416, 451)
    paths = [f"/{status}" for status in statuses]
    with Site({path: b"one" for path in (*paths, "/a")}, f"Bearer {TOKEN}") as site:
        site.refused = dict(zip(paths, statuses))
        job = make_job(tmp_path, [site.url(path) for path in site.objects]).set(errorThreshold=-1)
        job.run("--credentials", job.credentials(f"bearerToken: {TOKEN}\n", "pages"))
        assert job.rows() == ["a 3 b'one'"]
        failed = {item["files"][0][-4:]: json.dumps(item["error"]) for item in job.failed_items()}
    assert sorted(failed) == sorted(paths)
    for path, status in zip(paths, statuses):
        assert f"{path} " in failed[path] and f"HTTP status {status}" in failed[path]


@pytest.mark.parametrize("cut", [0, 5_000_000, 18_000_000])
def test_an_object_without_a_version_is_of_one_content(tmp_path, cut):
    """It comes in one stream, and anew where that was cut."""
    with Site({"/big": b"z" * (20 << 20)}) as site:
        site.etags = False
        site.changing = {"/big"}
        site.cut = {"/big": cut} if cut else {}
        job = make_job(tmp_path, [site.url("/big")])
        job.script(
            """
            def init():
                pass
            def run(mini_batch):
                return [f"{len(content)} {sorted(set(content))}" for content in (open(p, "rb").read() for p in mini_batch)]
            """
        )
        job.run().expect(0)
        assert job.rows() == [f"{20 << 20} [{2 if cut else 1}]"]


def test_a_token_in_an_address_is_warned_of_without_it(tmp_path):
    with Site({"/a?token=a-SECRET": b"one", "/b?page=2": b"two"}) as site:
        job = make_job(tmp_path, [site.url("/b?page=2")])
        assert "holds a token" not in job.run().expect(0).stderr
        other = make_job(tmp_path / "other", [site.url("/a?token=a-SECRET")])
        outcome = other.run().expect(0)
        note = "input 'pages': the query of a URL holds a token or a signature"
        assert note in outcome.stderr and "give a token with --credentials instead" in outcome.stderr
        assert "a-SECRET" not in outcome.words


def test_an_object_that_changes(tmp_path):
    objects = {"/a": b"one", "/b": b"two"}
    with Site(objects) as site:
        job = make_job(tmp_path, [site.url(path) for path in objects])
        job.script(
            """
            import os, time, urllib.request
            def init():
                pass
            def run(mini_batch):
                open(os.environ["FLAG"], "w").close()
                while not os.path.exists(os.environ["GO"]):
                    time.sleep(0.02)
                return [os.path.basename(path) for path in mini_batch]
            """
        )
        # With one mini-batch ahead, the third is not fetched while the first is run.
        objects["/c"] = b"three"
        job.spec["inputs"][0]["source"]["http"]["urls"].append(site.url("/c"))
        flag, go = job.root / "flag", job.root / "go"
        running = job.start(env=job.environment(FLAG=str(flag), GO=str(go)))
        wait_for(flag.exists, "the first mini-batch")
        objects["/c"] = b"other"
        go.touch()
        out, err = running.communicate(timeout=120)
        assert running.returncode == 0, out + err
        (item,) = job.failed_items()
        assert "/c has changed since it was planned" in json.dumps(item)


def test_tables_at_addresses(tmp_path):
    tables = {f"/t{part}.csv": f"id,text\n{part},a\n{part + 10},b\n".encode() for part in range(3)}
    with Site(tables) as site:
        job = make_job(tmp_path, [site.url(path) for path in tables])
        job.spec["inputs"][0].update(type="tabular", format="csv")
        job.script("def init(): pass\ndef run(mini_batch): return mini_batch.id + 100\n")
        job.set(miniBatchSize=None).run().expect(0)
        assert sorted(job.rows()) == ["100", "101", "102", "110", "111", "112"]


def test_a_table_whose_size_is_not_told(tmp_path):
    """It is cut by places in it: its mini-batch fails and says so."""
    with Site({"/a.csv": b"id\n1\n"}) as site:
        site.sizes = False
        job = make_job(tmp_path, [site.url("/a.csv")])
        job.spec["inputs"][0].update(type="tabular", format="csv", columns={"id": "int64"})
        job.set(miniBatchSize=None, errorThreshold=-1).run()
        words = json.dumps(job.failed_items()) + job.log("user/error.txt")
        assert "a.csv is a table, and its server does not tell its size; copy it to a store" in words
