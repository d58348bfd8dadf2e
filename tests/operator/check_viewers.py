"""The page in a cluster (`parallelrun ui --listen`), against a real API server: it has no rights of its own, and each
viewer sees with his own token what that lets him see."""

import subprocess
import time

import pytest
from authority import Authority
from calls import Verbs, ended
from check_page import output, pages  # noqa: F401 (fixtures)
from checkout import PROGRAM
from log_kubelet import LogKubelet
from viewers import CHANGE, LOOK, PODS, Account, ViewersPage
from waiting import PATIENCE, wait_for
from world import World

DATA = [
    "/api/worlds",
    "/api/jobs",
    "/api/jobs/c1",
    "/api/jobs/c1/errors",
    "/api/events",
    "/api",
    "/api/nothing",
]

LEFT = 15  # seconds of a token that ends


@pytest.fixture
def page(server, pages):  # noqa: F811
    with ViewersPage(server, pages) as served:
        yield served


@pytest.fixture
def other(server):
    """Another namespace."""
    world = World(server, server.namespace("others"))
    yield world
    server.request("DELETE", world.jobs.path(), {"propagationPolicy": "Background"})


@pytest.fixture
def other_verbs(other, server, tmp_path):
    return Verbs(other, server.kubeconfig, tmp_path)


def check_each_viewer_sees_the_jobs_of_his_rights(verbs, other_verbs, page):
    verbs.job("digits")
    other_verbs.job("salaries")
    mine, theirs = verbs.world.namespace, other_verbs.world.namespace
    one = page.viewer(Account(verbs.world, "one", LOOK).token(), mine)
    two = page.viewer(Account(other_verbs.world, "two", LOOK).token(), theirs)
    all_of_them = page.viewer(Account(verbs.world, "overseer", LOOK, everywhere=True).token())
    assert set(one.jobs()) == {"digits"} and set(two.jobs()) == {"salaries"}
    assert {"digits", "salaries"} <= set(all_of_them.jobs())
    assert one.get("/api/worlds")["cluster"]["namespace"] == mine
    # What one has looked at is no answer for another one.
    secret = two.of("salaries")
    assert two.get(secret)["name"] == "salaries"
    one.send(secret).refused(404, "NotFound")
    for path in ("", "/errors", "/difference", "/cancel"):
        answer = one.post(secret + path) if path == "/cancel" else one.send(secret + path)
        assert answer.status != 200 or path == "/difference", path
        assert b"salaries" not in answer.body and theirs.encode() not in answer.body
    stream = one.events()
    other_verbs.write("salaries", ended())
    verbs.write("digits", ended())
    stream.until('"state":"Complete"')
    assert "salaries" not in stream.text and theirs not in stream.text
    for viewer, namespace in ((one, theirs), (two, mine), (one, None), (one, "kube-system")):
        stranger = page.viewer(viewer.token, namespace)
        for path in DATA:
            said = stranger.send(path).refused(403, "Namespace")
            assert "no right to list" in said and "salaries" not in said
    for namespace in ("", "Team", "a/b", "../x"):
        if namespace:
            page.viewer(one.token, namespace).send("/api/jobs").refused(400, "Namespace")


def check_several_namespaces_are_one_list(verbs, other_verbs, server, pages):  # noqa: F811
    """Each is asked for with the viewer's own token, and one that he may not read is a sentence."""
    verbs.job("digits")
    other_verbs.job("salaries")
    mine, theirs = verbs.world.namespace, other_verbs.world.namespace
    account = Account(verbs.world, "one", LOOK)
    token, both = account.token(), Account(verbs.world, "overseer", LOOK, everywhere=True).token()
    with ViewersPage(server, pages, "-n", mine, "--namespace", theirs) as page:
        overseer = page.viewer(both)
        answer = overseer.get("/api/jobs")
        assert {job["name"]: job["namespace"] for job in answer["jobs"]} == {
            "digits": mine,
            "salaries": theirs,
        }
        assert answer["unread"] == []
        assert set(overseer.get("/api/worlds")["cluster"]["namespace"].split(", ")) == {mine, theirs}
        for name in ("digits", "salaries"):
            assert overseer.get(overseer.of(name))["name"] == name

        one = page.viewer(token)
        answer = one.get("/api/jobs")
        assert [job["name"] for job in answer["jobs"]] == ["digits"]
        (sentence,) = answer["unread"]
        assert f"no right to list parallelrunjobs.parallelrun.dev in the namespace '{theirs}'" in sentence
        assert "salaries" not in str(answer)
        # A change of one of the two is news of the same stream.
        stream = overseer.events()
        other_verbs.write("salaries", ended())
        stream.until('"state":"Complete"')
        # Whoever may read none of them sees nothing.
        stranger = page.viewer(Account(other_verbs.world, "stranger").token())
        said = stranger.send("/api/jobs").refused(403, "Namespace")
        assert mine in said and theirs in said
        # The rights change while the page is open: what it shows begins anew, with them.
        stream = one.events()
        Account(other_verbs.world, "one").let(account, LOOK)
        stream.rest()
        wait_for(lambda: set(one.jobs()) == {"digits", "salaries"}, "the right to the other namespace counts")
        assert one.get("/api/jobs")["unread"] == []
        stream = one.events()
        account.set_rules(PODS)
        stream.rest()
        wait_for(lambda: set(one.jobs()) == {"salaries"}, "the right to his own is gone")
        named = page.viewer(token, f"{theirs}, {theirs}")
        assert set(named.jobs()) == {"salaries"}
        for wrong in (f"{mine},,{theirs}", "A,b", ",".join(f"n{number}" for number in range(17))):
            page.viewer(token, wrong).send("/api/jobs").refused(400, "Namespace")
    refused = [PROGRAM, "ui", "--listen", "127.0.0.1:0", "--behind-proxy", "-n", "a", "-n", "B"]
    refused += ["--pages", pages, "--api-server", server.url, "--api-server-ca", server.authority]
    done = subprocess.run(list(map(str, refused)), capture_output=True, text=True, env={})
    assert done.returncode == 2 and "--namespace: 'B' is no name of a namespace" in done.stderr


def check_fifty_viewers_have_their_places_and_no_more(verbs, page):
    verbs.job("digits")
    account = Account(verbs.world, "one", LOOK)
    tokens = [account.token(3600 + number) for number in range(51)]
    before = page.resident_bytes()
    viewers = [page.viewer(token, verbs.world.namespace) for token in tokens]
    streams = []
    for viewer in viewers[:50]:
        assert set(viewer.jobs()) == {"digits"}
        streams.append(viewer.events())
    assert "50 viewers are here already" in viewers[50].send("/api/jobs").refused(503, "Unreachable")
    # One viewer opens page after page.
    streams += [viewers[0].events() for _ in range(31)]
    said = viewers[0].send("/api/events").refused(503, "Unreachable")
    assert "32 pages are open, which is the most for one viewer" in said
    streams.append(viewers[1].events())
    verbs.write("digits", ended())
    for stream in streams:
        stream.until('"state":"Complete"')
    grown = page.resident_bytes() - before
    assert grown < 50 * 4_000_000, f"50 viewers cost {grown} bytes"
    for stream in streams:
        stream.close()
    # His places are free again, as soon as the server has noticed that nobody reads.
    wait_for(lambda: viewers[0].may_listen(), "a place for a page")


def check_without_a_token_that_counts_there_is_nothing(verbs, page):
    verbs.job("digits")
    good = Account(verbs.world, "one", LOOK).token()
    stranger = good[:-8] + "AAAAAAAA"
    for path in DATA:
        answer = page.send(path, None, verbs.world.namespace)
        assert "sign in" in answer.refused(401, "SignIn") and answer.headers["WWW-Authenticate"] == "Bearer"
        for token in ("x", stranger, good + ".x", "."):
            said = page.send(path, token, verbs.world.namespace).refused(401, "SignIn")
            assert "does not know your token" in said and token not in said or token in "x."
        page.send(path, None, headers={"Authorization": "Basic " + good}).refused(401, "SignIn")
        assert page.send(f"{path}?token={good}").status == 401, "an address stands in logs and histories"
        assert page.send(path, None, headers={"Cookie": f"token={good}"}).status == 401
    files = page.send("/")
    assert files.status == 200 and "default-src 'none'" in files.headers["Content-Security-Policy"]
    assert page.send("/healthz", headers={"Host": "10.1.2.3:8080"}).body == b"ok\n"
    # A deed is refused before its body is read.
    assert page.send("/api/jobs/c1/cancel", "x", method="POST", body="{}").status == 415
    fields = {"Content-Type": "application/json"}
    page.send("/api/jobs/c1/cancel", "x", method="POST", body="{}", headers=fields).refused(401, "SignIn")


def check_other_web_pages_and_names_are_refused(verbs, server, pages):  # noqa: F811
    verbs.job("digits")
    token = Account(verbs.world, "one", LOOK, CHANGE).token()
    with ViewersPage(server, pages, "--host", "jobs.example.org", "-n", verbs.world.namespace) as page:
        viewer = page.viewer(token)
        host = {"Host": "jobs.example.org"}
        assert viewer.send("/api/jobs", headers=host).status == 200
        for bad in (
            {"Host": "evil.example"},
            {**host, "Origin": "https://evil.example"},
            {**host, "Origin": "null"},
            {**host, "Sec-Fetch-Site": "cross-site"},
            {**host, "Sec-Fetch-Site": "same-site"},
        ):
            viewer.send("/api/jobs", headers=bad).refused(403, "NoRights")
            path = viewer.of("digits") + "/suspend"
            answer = viewer.send(
                path, method="POST", body="{}", headers={"Content-Type": "application/json", **bad}
            )
            answer.refused(403, "NoRights")
        same = {**host, "Origin": "https://jobs.example.org", "Sec-Fetch-Site": "same-origin"}
        assert viewer.send("/api/jobs", headers=same).status == 200
        page.send("/", headers={"Host": "evil.example"}).refused(403, "NoRights")
    assert not verbs.world.jobs.get("digits")["spec"].get("suspend")


def check_a_token_that_ends_takes_everything_with_it(verbs, page):
    verbs.job("digits")
    account = Account(verbs.world, "one", LOOK)
    begun = time.monotonic()
    # API servers give tokens of accounts a minute more than stands in them.
    short = page.viewer(account.token(seconds=LEFT - 60), verbs.world.namespace)
    lasting = page.viewer(account.token(), verbs.world.namespace)
    job = short.of("digits")
    streams = [short.events(), lasting.events()]
    short.get(job)
    streams[0].rest()
    # The API server itself keeps what it has found out about a token for 10 seconds, and the page for 5.
    assert time.monotonic() - begun < LEFT + 10 + 5 + 5
    for path in ("/api/jobs", job, "/api/events"):
        assert "ended" in short.send(path).refused(401, "SignIn")
    short.post(job + "/cancel").refused(401, "SignIn")
    # Another token of the same account goes on.
    verbs.write("digits", ended())
    streams[1].until('"state":"Complete"')
    assert lasting.get(job)["state"] == "Complete"


def check_rights_that_are_taken_away_end_the_view(verbs, page):
    verbs.job("digits")
    account = Account(verbs.world, "one", LOOK)
    viewer = page.viewer(account.token(), verbs.world.namespace)
    job, stream = viewer.of("digits"), viewer.events()
    account.set_rules()
    stream.rest()
    for path in ("/api/jobs", job):
        assert "no right to list" in viewer.send(path).refused(403, "Namespace")
    account.set_rules(LOOK)
    wait_for(lambda: viewer.send("/api/jobs").status == 200, "the right is back")


def check_there_is_room_for_so_many_viewers(verbs, page):
    account = Account(verbs.world, "overseer", LOOK, everywhere=True)
    tokens = [account.token(3600 + number) for number in range(4)]
    verbs.job("digits")
    seen = [page.send("/api/jobs", tokens[0], f"empty-{number}").status for number in range(16)]
    assert seen == [200] * 16
    said = page.send("/api/jobs", tokens[0], verbs.world.namespace).refused(503, "Unreachable")
    assert "16 namespaces are watched, which is the most for one viewer" in said
    seen = [
        page.send("/api/jobs", tokens[number // 16], f"empty-{number}").status for number in range(16, 50)
    ]
    assert seen == [200] * 34
    said = page.send("/api/jobs", tokens[3], verbs.world.namespace).refused(503, "Unreachable")
    assert "50 viewers are here already" in said
    assert page.send("/api/jobs", tokens[0], "empty-7").status == 200, "who is here stays"


def check_a_stream_that_nobody_reads_is_forgotten(verbs, page):
    viewer = page.viewer(Account(verbs.world, "one", LOOK).token(), verbs.world.namespace)
    for _ in range(40):
        assert viewer.send("/api/events", method="HEAD").status in (200, 503)
    wait_for(lambda: viewer.send("/api/events", method="HEAD").status == 200, "room for a stream")
    viewer.events().until("parallelrun")


def check_verbs_are_those_of_the_viewer(verbs, page):
    verbs.job("digits")
    reader = page.viewer(Account(verbs.world, "reader", LOOK).token(), verbs.world.namespace)
    writer = page.viewer(Account(verbs.world, "writer", LOOK, CHANGE).token(), verbs.world.namespace)
    job = reader.of("digits")
    shown = reader.get(job)["verbs"]
    assert not any(verb["allowed"] for verb in shown.values())
    assert "no right to patch parallelrunjobs.parallelrun.dev" in shown["suspend"]["why"]
    assert "no right to delete" in reader.post(job + "/cancel").refused(403, "NoRights")
    assert writer.get(job)["verbs"]["suspend"]["allowed"]
    assert "will be suspended" in writer.post(job + "/suspend").json["message"]
    assert verbs.world.jobs.get("digits")["spec"]["suspend"] is True
    reader.post(job + "/resume").refused(403, "NoRights")


def check_what_one_has_read_of_an_output_is_shown_to_nobody_else(verbs, page, output, tmp_path):  # noqa: F811
    verbs.job("digits", ended())
    account = Account(verbs.world, "one", LOOK, PODS)
    one = page.viewer(account.token(), verbs.world.namespace)
    two = page.viewer(Account(verbs.world, "two", LOOK).token(), verbs.world.namespace)
    with LogKubelet(verbs.world.server.folder, verbs.world.namespace, tmp_path, output) as kubelet:
        job = one.of("digits")
        assert one.get(job + "/errors")["errors"][0]["type"] == "ValueError"
        assert one.get(job + "/logs")["files"] and len(kubelet.containers) == 1, "kept for the same viewer"
        for about in ("/errors", "/logs", "/explain"):
            said = two.send(job + about).refused(403, "NoRights")
            assert "no right to create pods" in said
        # Nor to himself, once he has lost the right by which it came.
        account.set_rules(LOOK)
        assert "no right to create pods" in one.send(job + "/errors").refused(403, "NoRights")
        account.set_rules(LOOK, {**PODS, "resources": ["pods"]})
        assert "no right to get pods/log" in one.send(job + "/errors").refused(403, "NoRights")
        account.set_rules(LOOK, PODS)
        assert one.get(job + "/errors")["errors"]
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")


def check_tokens_stand_in_no_log_and_no_file(verbs, server, pages, folder):  # noqa: F811
    verbs.job("digits")
    tokens = [Account(verbs.world, "one", LOOK, CHANGE).token(), "abc.wrong.token", "two words-of-a-token"]
    with ViewersPage(server, pages, "-n", verbs.world.namespace) as page:
        viewer = page.viewer(tokens[0])
        job = viewer.of("digits")
        viewer.get(job)
        viewer.events().until("parallelrun")
        assert viewer.post(job + "/suspend").status == 200
        for token in tokens:
            page.send("/api/jobs", token)
            page.send(f"/api/jobs/{token.replace(' ', '%20')}", tokens[0])
        process = f"/proc/{page.process.pid}"
        for name in ("cmdline", "environ", "comm"):
            with open(f"{process}/{name}", "rb") as file:
                held = file.read()
            assert not any(token.encode() in held for token in tokens), name
        opened = subprocess.run(["ls", "-l", f"{process}/fd"], capture_output=True, text=True).stdout
        assert not [line for line in opened.splitlines() if "/tmp/" in line or str(folder) in line]
    assert "each viewer sees" in page.said
    logs = [page.said, (folder / "audit").read_text()]
    logs += [path.read_text(errors="replace") for path in folder.glob("*.log")]
    for token in tokens:
        assert not any(token in text for text in logs), "a token stands in a log"


def check_the_api_server_has_to_prove_itself(verbs, server, pages, tmp_path):  # noqa: F811
    token = Account(verbs.world, "one", LOOK).token()
    Authority(tmp_path / "ca")
    with ViewersPage(server, pages, api_server_ca=tmp_path / "ca" / "ca.crt") as page:
        said = page.send("/api/jobs", token, verbs.world.namespace).refused(503, "Unreachable")
        assert "does not answer" in said and token not in said


def check_tls_of_the_page_and_a_new_certificate(verbs, server, pages, tmp_path):  # noqa: F811
    verbs.job("digits")
    token = Account(verbs.world, "one", LOOK).token()
    authority = Authority(tmp_path / "ca")
    folder = authority.issue(tmp_path / "tls", "page", "DNS:localhost")
    options = ("--tls-certificate", folder / "tls.crt", "--tls-key", folder / "tls.key")
    with ViewersPage(server, pages, *options, authority=folder / "ca.crt") as page:
        assert page.address.startswith("https://")
        assert "digits" in page.viewer(token, verbs.world.namespace).jobs()

        def certificate():
            connection = page.connect()
            connection.connect()
            shown = connection.sock.getpeercert(binary_form=True)
            connection.close()
            return shown

        before = certificate()
        # One of the two is new: they do not belong together, and the earlier ones stay.
        fresh = authority.issue(tmp_path / "fresh", "page", "DNS:localhost")
        (folder / "tls.crt").write_bytes((fresh / "tls.crt").read_bytes())
        time.sleep(12)
        assert certificate() == before
        (folder / "tls.key").write_bytes((fresh / "tls.key").read_bytes())
        wait_for(lambda: certificate() != before, "the new certificate")
        assert "digits" in page.viewer(token, verbs.world.namespace).jobs()
    assert "earlier certificate stays" in page.said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "must not cross a network in the clear"),
        (("--tls-certificate", "none.crt"), "give both"),
        (("--tls-certificate", "none.crt", "--tls-key", "none.key"), "cannot be used"),
        (("--behind-proxy", "--tls-certificate", "x", "--tls-key", "y"), "give either"),
        (("--behind-proxy", "--api-server", "http://127.0.0.1:1"), "must begin with https://"),
        (("--behind-proxy", "--api-server-ca", "none.pem"), "cannot be read"),
    ],
)
def check_what_is_not_safe_does_not_start(server, pages, words, said):  # noqa: F811
    place = ["--api-server", server.url, "--api-server-ca", server.authority]
    place = [word for word in place if not {"--api-server", "--api-server-ca"} & set(words)] or []
    if "--api-server" in words:
        place = ["--api-server-ca", server.authority]
    if "--api-server-ca" in words:
        place = ["--api-server", server.url]
    done = subprocess.run(
        [PROGRAM, "ui", "--listen", "127.0.0.1:0", "--pages", pages, *place, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode in (1, 2) and done.stdout == "" and said in done.stderr, done.stderr


def check_its_options_are_not_those_of_a_page_of_this_machine(pages):  # noqa: F811
    for words in (
        ("--listen", "127.0.0.1:0", "results"),
        ("--listen", "127.0.0.1:0", "--kubeconfig", "x"),
        ("--behind-proxy",),
        ("--host", "x"),
    ):
        done = subprocess.run(
            [PROGRAM, "ui", "--pages", pages, *words], capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 2 and done.stdout == "", (words, done.stderr)
