"""The page that the chart deploys, as viewers with a token each reach it by `kubectl port-forward`."""

import json
import re
import subprocess
import urllib.error
import urllib.request

import pytest
from kubernetes import PATIENCE, wait_until

UI = ("--set", "ui.enabled=true", "--set", "ui.behindProxy=true", "--set", "networkPolicy.ui.enabled=true")


@pytest.fixture
def address(cluster, chart, space):
    """Of the tunnel's end on this machine."""
    there = "import os; print(os.path.exists('/opt/parallelrun/share/parallelrun/ui/index.html'))"
    if space.python(there).strip() != b"True":
        pytest.skip("the runner's image was built without the page (`make ui`)")
    chart.upgrade(*UI)
    words = ["kubectl", "port-forward", "-n", "parallelrun", "svc/parallelrun-ui", ":443"]
    tunnel = subprocess.Popen(words, env=cluster.environment, stdout=subprocess.PIPE, text=True)
    try:
        port = re.search(r"127\.0\.0\.1:(\d+)", tunnel.stdout.readline())[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        tunnel.terminate()
        tunnel.wait(timeout=PATIENCE)
        chart.upgrade()


def ask(address, path, token, namespace):
    """Status and answer."""
    fields = {"ParallelRun-Namespace": namespace}
    if token:
        fields["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(address + path, headers=fields)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def test_each_viewer_sees_what_his_token_lets_him_see(cluster, space, address, expected):
    with urllib.request.urlopen(address, timeout=PATIENCE) as page:
        assert b'<div id="page"' in page.read(), "the image has the files of the page"
    for account, role in (("owner", "admin"), ("stranger", None)):
        cluster.kubectl("create", "serviceaccount", account, "-n", space.name)
        if role:
            subject = f"--serviceaccount={space.name}:{account}"
            cluster.kubectl(
                "create", "rolebinding", account, "-n", space.name, f"--clusterrole={role}", subject
            )
    owner, stranger = (
        cluster.kubectl("create", "token", account, "-n", space.name).strip()
        for account in ("owner", "stranger")
    )
    space.submit("shown", miniBatchSize="5")
    space.wait_state("shown", "Complete")

    def jobs():
        status, answer = ask(address, "/api/jobs", owner, space.name)
        assert status == 200, answer
        return {job["name"]: job for job in answer["jobs"]}

    # Roles are aggregated a moment after they are made.
    wait_until("the owner may list", lambda: ask(address, "/api/jobs", owner, space.name)[0] == 200, PATIENCE)
    job = f"/api/jobs/{jobs()['shown']['id']}"
    assert jobs()["shown"]["state"] == "Complete"
    # The output is read by a pod that the owner has the right to.
    status, rows = ask(address, job + "/rows", owner, space.name)
    assert status == 200 and len(rows["rows"]) == len(expected), rows
    for path in ("/api/jobs", job, job + "/rows"):
        status, answer = ask(address, path, stranger, space.name)
        assert (status, answer["reason"]) == (403, "Namespace"), answer
        assert "shown" not in json.dumps(answer)
        assert ask(address, path, "", space.name)[0] == 401
    # The page itself may nothing.
    who = "system:serviceaccount:parallelrun:parallelrun-ui"
    done = cluster.run("kubectl", "auth", "can-i", "list", "parallelrunjobs", "-A", "--as", who, check=False)
    assert done.stdout.strip() == b"no"  # kubectl says so by exit code 1 too
    log = cluster.kubectl("logs", "-n", "parallelrun", "deploy/parallelrun-ui")
    assert owner not in log and stranger not in log and space.name not in log
