"""The log tree of the contract, each file with what it promises."""

import re

from waiting import PATIENCE, wait_for

SCRIPT = "import os\ndef init(): pass\ndef run(b):\n    print('hello')\n    return [os.path.basename(p) for p in b]\n"


def test_every_file_of_the_tree(job):
    logs = job.out / "logs"
    job.files(25).set(nodeCount=2, resourceMonitorInterval=1, miniBatchSize=5)
    # Processes are listed beside the job, which may not end before that.
    job.script("""
        import glob, os, time
        def init(): pass
        def run(b):
            deadline = time.monotonic() + 60
            while not glob.glob(os.environ["LISTINGS"]) and time.monotonic() < deadline: time.sleep(0.05)
            return b
    """)
    job.set(environment={"variables": {"LISTINGS": f"{logs}/perf/127.0.0.1/os/*/processes_*"}})
    job.run().expect(0)
    overview = job.overview()
    assert re.search(r"created\D*5", overview) and re.search(r"processed\D*5", overview), overview
    assert "Complete" in overview
    assert "agent000" in job.log("sys/master_role.txt")
    assert "test-job" in job.log("70_driver_log.txt") and "agent001" in job.log("70_driver_log.txt")
    nodes = sorted(p.name for p in (logs / "sys" / "node").iterdir())
    assert set(nodes) <= {"127.0.0.1", "127.0.0.2"}
    lines = job.log("sys/node/*/process000.txt")
    assert len(re.findall(r"picked up", lines)) == 5, lines
    done = [line for line in lines.splitlines() if "succeeded" in line]
    assert len(done) == 5
    for word in ("items", "failed", "start", "duration", "process time", "run"):
        assert all(word in line for line in done), (word, done[0])
    assert re.search(r"127\.0\.0\.[12]", done[0]) and re.search(r"pid \d+", done[0], re.I)
    perf = logs / "perf" / "127.0.0.1"
    assert (perf / "node_disk_usage.csv").read_text().count("\n") >= 2
    assert (perf / "node_resource_usage.csv").read_text().count("\n") >= 2
    assert (perf / "processes_resource_usage.csv").exists()
    listings = list((perf / "os").glob("*/processes_*"))
    assert listings and re.fullmatch(r"\d{10}", listings[0].parent.name)


def test_no_monitor_with_interval_zero_among_the_arguments(job):
    job.files(2).set(resourceMonitorInterval=None, arguments=["--resource_monitor_interval", "0"])
    job.script("import sys\ndef init(): pass\ndef run(b): return [' '.join(sys.argv[1:])]\n")
    job.run().expect(0)
    assert job.rows() == ["--resource_monitor_interval 0"]
    assert not (job.out / "logs" / "perf").exists()


def test_links_that_lead_nowhere_are_told_once(embedded_job):
    job = embedded_job.files(3).script("def init(): pass\ndef run(b): return b\n")
    for number in range(2):
        (job.data / f"link{number}").symlink_to("gone")
    job.run().expect(0)
    assert len(job.rows()) == 3
    told = [line for line in job.log("sys/master_role.txt").splitlines() if "lead nowhere" in line]
    assert len(told) == 1 and "input 'files': 2 links" in told[0] and "link0" in told[0]


def test_a_restart_appends(job):
    job.files(4).set(miniBatchSize=1, runMaxTry=1, errorThreshold=0)
    job.script("def init(): pass\ndef run(b): raise ValueError('x')\n")
    job.run().expect(1)
    first = job.log("sys/master_role.txt")
    job.run().expect(1)
    assert job.log("sys/master_role.txt").startswith(first)


def test_logs_can_be_read_while_the_job_runs(job):
    job.files(2).set(miniBatchSize=1)
    job.script("""
        import os, time
        def init(): pass
        def run(b):
            print("early words", flush=True)
            while not os.path.exists(os.environ["GO"]): time.sleep(0.05)
            return b
    """)
    go = job.root / "go"
    job.set(environment={"variables": {"GO": str(go)}})
    process = job.start()
    try:
        wait_for(
            lambda: "early words" in job.log("user/stdout/*/*"),
            "a printed line in the log while run() goes on",
        )
        wait_for(lambda: "created" in job.overview(), "the overview while run() goes on")
    finally:
        go.write_text("")
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
