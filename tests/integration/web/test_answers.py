"""What the page's API answers (docs/ui.md), of jobs that have ended and of one at work."""

import json
import shutil
import time

import yaml
from job_folder import JobFolder
from waiting import PATIENCE, wait_for
from web_client import HOSTILE, Page


def test_jobs_of_the_folders(page, results):
    about = page.get("/api/worlds")
    assert about["directories"] == [str(results)] and about["cluster"] is None and about["version"]
    listed = page.get("/api/jobs")
    assert listed["unread"] == []
    one = next(job for job in listed["jobs"] if job["name"] == "one")
    assert one["world"] == "directory" and one["state"] == "Complete" and one["reason"] == "Completed"
    assert one["directory"] == str(results / "one" / "out") and one["started"] and one["elapsedSeconds"] > 0
    assert one["progress"]["miniBatchesProcessed"] == 20 and one["progress"]["itemsFailed"] == 8
    two = next(job for job in listed["jobs"] if job["name"] == "two")
    assert two["state"] == "Failed" and two["reason"] == "ErrorThresholdExceeded"
    assert HOSTILE.split()[0] in two["message"], "it is text, and stays as it is"


def test_a_job(page, results):
    job = page.get(page.of("one"))
    assert job["outputFile"] == "parallel_run_step.txt" and job["format"] == "text"
    manifest = yaml.safe_load(job["manifest"])
    assert manifest["kind"] == "ParallelRunJob" and "miniBatchSize" in manifest["spec"]
    verbs = job["verbs"]
    assert set(verbs) == {"cancel", "suspend", "resume", "scale", "resubmit", "retryFailed"}
    again = f"parallelrun resubmit {results / 'one' / 'out'}"
    for verb in ("resubmit", "retryFailed"):
        assert verbs[verb]["allowed"] and verbs[verb]["command"] == again
    assert "no run works" in verbs["cancel"]["why"] and "no run works" in verbs["suspend"]["why"]
    for verb in ("resume", "scale"):
        assert again in verbs[verb]["why"], "a button that is off names the command"


def test_errors_failed_items_and_rows(page):
    (group,) = page.get(page.of("one") + "/errors")["errors"]
    assert group["count"] == 8 and HOSTILE in group["message"] and "Traceback" in group["traceback"]
    failed = page.get(page.of("one") + "/failed", offset=2, limit=3)
    assert failed["total"] == 8 and len(failed["items"]) == 3
    assert page.get(page.of("one") + "/failed", offset=7)["items"][0]["tries"] == 2
    rows = page.get(page.of("one") + "/rows", limit=5)
    assert rows["columns"] is None and len(rows["rows"]) == 5 and rows["truncated"]
    assert rows["rows"][0][0].startswith(HOSTILE)


def test_logs(page):
    files = {file["path"]: file["bytes"] for file in page.get(page.of("one") + "/logs")["files"]}
    path = next(name for name in files if name.startswith("user/stdout/"))
    piece = page.get(page.of("one") + "/log", path=path)
    assert piece["size"] == files[path] == piece["next"] and piece["offset"] == 0
    assert HOSTILE in piece["text"] and "\\x1b[31m" in piece["text"] and "\x1b" not in piece["text"]
    assert "https://***@host/x" in piece["text"] and "secret" not in piece["text"]
    end = page.get(page.of("one") + "/log", path=path, offset=-20)
    assert end["offset"] >= files[path] - 20 and end["next"] == files[path]
    hits = page.get(page.of("one") + "/search", path=path, text="A MINI-batch OF 2", case=0, limit=3)
    assert len(hits["hits"]) == 3 and not hits["done"]
    hit = page.get(page.of("one") + "/log", path=path, offset=hits["hits"][1]["offset"])
    assert hit["text"].split("\n")[0] == hits["hits"][1]["line"]
    rest = page.get(
        page.of("one") + "/search", path=path, text="a mini-batch", **{"from": hits["searchedTo"]}
    )
    assert rest["done"] and rest["searchedTo"] == files[path]
    assert page.get(page.of("one") + "/search", path=path, text="absent") == {
        "hits": [],
        "searchedTo": files[path],
        "done": True,
    }


def test_the_timeline(page):
    line = page.get(page.of("one") + "/timeline")
    assert line["tries"] == 24 and not line["thinned"] and not line["reading"]
    assert {process["node"] for process in line["processes"]} == {"127.0.0.1"}
    for process in line["processes"]:
        for begin, end, kind in process["spans"]:
            assert begin <= end and kind in ("run", "loading", "idle")
    assert sum(line["durations"]["counts"]) == 24
    assert len(line["durations"]["edgesSeconds"]) == len(line["durations"]["counts"]) + 1
    assert len(line["slowest"]) == 24 and line["slowest"][0]["seconds"] >= line["slowest"][-1]["seconds"]
    assert line["resources"]["127.0.0.1"]["memoryBytes"][0] > 1e6
    explained = page.get(page.of("one") + "/explain")
    assert explained["processes"] and "findings" in explained


def test_what_differs_from_the_run_before(pages, tmp_path):
    before = JobFolder(tmp_path / "a").files(4).script("def init(): pass\ndef run(b): return b\n")
    before.set(miniBatchSize=2)
    before.run().expect(0)
    time.sleep(1.1)  # starts are known to the second
    after = JobFolder(tmp_path / "b").files(4).script("def init(): pass\ndef run(b): return b\n")
    after.set(miniBatchSize=1).run().expect(0)
    with Page(tmp_path, pages=pages) as page:
        ids = {job["directory"]: job["id"] for job in page.get("/api/jobs")["jobs"]}
        found = page.get(f"/api/jobs/{ids[str(after.out)]}/difference")
        assert found["previous"] == str(before.out)
        assert {"field": "miniBatchSize", "was": "2", "now": "1"} in found["fields"]
        assert page.get(f"/api/jobs/{ids[str(before.out)]}/difference")["previous"] == ""


def test_a_job_at_work_is_followed_and_cancelled(slow_job, pages):
    with Page(slow_job.root, pages=pages) as page:
        job = wait_for(lambda: page.jobs().get("slow"), "the job in the list")
        wait_for(lambda: page.jobs()["slow"]["progress"].get("processesReady"), "its processes")
        assert page.jobs()["slow"]["state"] == "Running"
        logs = f"/api/jobs/{job['id']}/logs"
        path = wait_for(
            lambda: next(
                (
                    file["path"]
                    for file in page.get(logs)["files"]
                    if "stdout" in file["path"] and file["bytes"]
                ),
                None,
            ),
            "its standard output",
        )
        events = page.events(job=job["id"], path=path)
        assert "Content-Type: text/event-stream" in events.head
        assert events.next("log")["size"] > 0
        detail = page.get(f"/api/jobs/{job['id']}")
        cancel = detail["verbs"]["cancel"]
        assert cancel == {"allowed": True, "why": "", "command": f"kill -INT {slow_job.process.pid}"}
        wait_for(lambda: page.get(f"/api/jobs/{job['id']}/timeline")["processes"], "a process at work")
        answer = page.post(f"/api/jobs/{job['id']}/cancel")
        assert (
            answer.status == 200
            and f"process {slow_job.process.pid} got an interrupt" in answer.json["message"]
        )
        assert events.next("job", lambda data: data["state"] != "Running")["state"] == "Interrupted"
        assert slow_job.process.wait(timeout=PATIENCE) == 130
        assert page.post(f"/api/jobs/{job['id']}/cancel").refused(409, "Invalid").startswith("no run works")

        # It goes on, and the page with it.
        slow_job.go.touch()
        slow_job.process = slow_job.start(env=slow_job.environment(GO=str(slow_job.go)))
        assert (
            events.next("job", lambda data: data["state"] == "Complete")["progress"]["miniBatchesProcessed"]
            == 4
        )
        assert slow_job.process.wait(timeout=PATIENCE) == 0

        shutil.rmtree(slow_job.out)
        assert events.next("gone") == {"id": job["id"]}
        events.close()
        message = page.send(f"/api/jobs/{job['id']}").refused(404, "NotFound")
        assert "removed or moved" in message
        assert page.get("/api/jobs")["jobs"] == []


def test_what_cannot_be_read_is_told(pages, results, tmp_path):
    good = tmp_path / "good"
    shutil.copytree(results / "one" / "out", good)
    damaged = tmp_path / "damaged"
    shutil.copytree(results / "one" / "out", damaged)
    empty = tmp_path / "empty"
    empty.mkdir()
    with Page(good, damaged, empty, pages=pages) as page:
        assert len(page.get("/api/jobs")["jobs"]) == 2
        id = next(job["id"] for job in page.get("/api/jobs")["jobs"] if job["directory"] == str(damaged))
        (damaged / ".parallelrun" / "result.json").write_text("[")
        message = page.send(f"/api/jobs/{id}").refused(500, "Damaged")
        assert "result.json' is damaged" in message
        unread = wait_for(lambda: page.get("/api/jobs")["unread"][1:], "the damaged one in the list")
        assert any("is damaged" in words for words in unread)
        assert any(
            str(empty) in words and "no output directory" in words
            for words in page.get("/api/jobs")["unread"]
        )


def test_no_links_are_followed(pages, results, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(results / "one" / "out", out)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "errors.json").write_text('{"errors": [{"tracebacks": "user/error/key", "type": "E"}]}')
    (secret / "key").write_text("a private key")
    (out / "logs" / "link.txt").symlink_to(secret / "key")
    (out / "logs" / "folder").symlink_to(secret)
    shutil.rmtree(out / "logs" / "user" / "error")
    (out / "logs" / "user" / "error").symlink_to(secret)
    (out / "logs" / "user" / "errors.json").write_text((secret / "errors.json").read_text())
    (tmp_path / "other").symlink_to(results / "one" / "out")
    with Page(tmp_path, pages=pages) as page:
        (job,) = page.get("/api/jobs")["jobs"]
        base = f"/api/jobs/{job['id']}"
        assert not [
            file
            for file in page.get(base + "/logs")["files"]
            if "link" in file["path"] or "folder" in file["path"]
        ]
        for path in ("link.txt", "folder/key"):
            assert "link" in page.send(f"{base}/log?path={path}").refused(404, "NotFound")
        assert "private" not in json.dumps(page.get(base + "/errors"))


def test_an_idle_server_does_nothing(page):
    page.get("/api/jobs")
    time.sleep(1.2)

    def used():
        with open(f"/proc/{page.process.pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))

    before = used()
    time.sleep(1.5)
    assert used() - before <= 1, "ticks of the processor while nobody looks"
