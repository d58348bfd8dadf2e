"""Bad input gets a message naming file, field or argument, and exit code 2 before anything starts."""

import subprocess
import time

import pytest
from checkout import PROGRAM
from waiting import PATIENCE

SCRIPT = "def init(): pass\ndef run(b): return b\n"


def refused(job, *words, options=()):
    outcome = job.run(*options).expect(2)
    for word in words:
        assert word in outcome.stderr, outcome.words
    assert not (job.out / ".parallelrun" / "journal").exists()
    return outcome


def test_unknown_field_names_the_nearest(embedded_job):
    embedded_job.files(1).script(SCRIPT).set(miniBatchSise=3)
    refused(embedded_job, "spec.miniBatchSise", "miniBatchSize")


def test_wrong_type_and_name_rule(embedded_job):
    embedded_job.files(1).script(SCRIPT).set(nodeCount="two")
    embedded_job.name = "X"
    refused(embedded_job, "spec.nodeCount", "metadata.name")


def test_missing_directory(embedded_job):
    embedded_job.script(SCRIPT)
    embedded_job.spec["inputs"][0]["source"]["local"]["path"] = "nowhere"
    refused(embedded_job, "spec.inputs[0].source", "nowhere")


def test_missing_script_is_named(embedded_job):
    refused(embedded_job.files(1), "entry.py")


def test_placeholder_that_names_nothing(embedded_job):
    embedded_job.files(1).script(SCRIPT).set(arguments=["$(sideInputs.labels)"])
    refused(embedded_job, "spec.arguments[0]", "labels")


def test_no_matching_file_fails_with_the_glob(embedded_job):
    embedded_job.files(1).script(SCRIPT)
    embedded_job.spec["inputs"][0]["glob"] = "**/*.png"
    outcome = embedded_job.run()
    assert outcome.code in (1, 2)
    assert "**/*.png" in outcome.stderr and "files" in outcome.stderr


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "no-such.yaml"], ["nonsense"], ["run", "x.yaml", "--no-such-option"]]
)
def test_usage_errors(arguments):
    process = subprocess.run(
        [str(PROGRAM), *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert process.returncode == 2
    assert process.stderr.strip()


def test_validate_says_all_problems_and_accepts_a_good_one(embedded_job):
    embedded_job.files(1).script(SCRIPT)
    good = subprocess.run(
        [str(PROGRAM), "validate", str(embedded_job.manifest())],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert good.returncode == 0, good.stderr
    embedded_job.set(nodeCount=0, runMaxTry=0)
    bad = subprocess.run(
        [str(PROGRAM), "validate", str(embedded_job.manifest())],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert bad.returncode == 2 and "spec.nodeCount" in bad.stderr and "spec.runMaxTry" in bad.stderr


def test_overrides_by_option(embedded_job):
    embedded_job.script(SCRIPT)
    other = embedded_job.root / "other"
    other.mkdir()
    (other / "one.txt").write_text("")
    embedded_job.spec["inputs"][0]["source"] = {"persistentVolumeClaim": {"claimName": "data"}}
    refused(embedded_job, "--input files=")
    embedded_job.run(
        "--input", f"files={other}", "--set", "miniBatchSize=1", "--set", "processCountPerNode=2"
    ).expect(0)
    assert embedded_job.rows() == [str(other / "one.txt")]
    refused_name = embedded_job.run("--input", f"nofiles={other}").expect(2)
    assert "nofiles" in refused_name.stderr


def test_another_jobs_results_are_never_touched(embedded_job):
    embedded_job.files(2).script(SCRIPT)
    embedded_job.run().expect(0)
    before = embedded_job.rows()
    outcome = embedded_job.set(miniBatchSize=1).run().expect(2)
    assert "miniBatchSize" in outcome.stderr and "overwrite" in outcome.stderr
    assert embedded_job.rows() == before
    embedded_job.run("--overwrite").expect(0)
    embedded_job.script(SCRIPT + "# changed\n")
    assert "code" in embedded_job.run().expect(2).stderr
    # What does not identify a job may change.
    embedded_job.script(SCRIPT)
    assert embedded_job.set(nodeCount=2, runMaxTry=9, loggingLevel="DEBUG").run().expect(0)


def test_a_job_that_left_nothing_gives_way_to_the_mended_one(embedded_job):
    """The first mistakes: a glob that matches nothing, a script that does not load."""
    job = embedded_job.files(2).script("import no_such_module\n")
    job.spec["inputs"][0]["glob"] = "*.png"
    assert "no file that matches" in job.run().expect(1).stderr
    job.spec["inputs"][0]["glob"] = "*.txt"
    assert "no_such_module" in job.run().expect(1).stderr
    job.script("def init(): pass\ndef run(b): raise ValueError('x')\n").set(runMaxTry=1)
    job.run().expect(1)
    # From here on there is something to lose.
    job.script(SCRIPT)
    assert "another job" in job.run().expect(2).stderr
    assert len(job.failed_items()[0]["files"]) == 2
    job.run("--overwrite").expect(0)
    assert len(job.rows()) == 2 and job.failed_items() == []


def test_a_foreign_file_of_the_output_files_name_is_not_overwritten(embedded_job):
    embedded_job.files(1).script(SCRIPT)
    embedded_job.out.mkdir()
    (embedded_job.out / "parallel_run_step.txt").write_text("mine\n")
    refused(embedded_job, "parallel_run_step.txt")
    assert embedded_job.rows() == ["mine"]


def test_a_bad_glob_is_found_before_anything_starts(embedded_job):
    embedded_job.files(1).script(SCRIPT)
    embedded_job.spec["inputs"][0]["glob"] = "[ab"
    refused(embedded_job, "spec.inputs[0].glob", "[ab")


@pytest.mark.parametrize("place", ["/nonexistent", "long"])
def test_any_tmpdir_will_do(embedded_job, place):
    embedded_job.files(1).script(SCRIPT)
    if place == "long":
        place = str(embedded_job.root / ("y" * 120))
        (embedded_job.root / ("y" * 120)).mkdir()
    embedded_job.run(env=embedded_job.environment(TMPDIR=place, XDG_RUNTIME_DIR="")).expect(0)


@pytest.mark.parametrize(
    "place, words",
    [
        ("/proc/nowhere/out", ["'/proc/nowhere/out' cannot be made", "choose another"]),
        ("/dev/null/out", ["'/dev/null/out' cannot be made: '/dev/null' is not a directory", "--output DIR"]),
    ],
)
def test_an_output_that_cannot_be_made_is_named_with_the_way_out(embedded_job, place, words):
    embedded_job.files(1).script(SCRIPT)
    refused(embedded_job, *words, options=["--output", place])


def test_set_is_named_by_its_text(embedded_job):
    embedded_job.files(1).script(SCRIPT)
    refused(embedded_job, "--set 'nodeCount=x': spec.nodeCount: must be", options=["--set", "nodeCount=x"])


def test_an_unknown_launcher_is_refused(embedded_job):
    embedded_job.files(1).script(SCRIPT)
    outcome = embedded_job.run(env=embedded_job.environment(PARALLELRUN_LAUNCHER="foo")).expect(2)
    assert "PARALLELRUN_LAUNCHER is 'foo'" in outcome.stderr and "'python'" in outcome.stderr
    assert not embedded_job.out.exists()


def test_validate_warns_of_what_run_would_refuse_here(embedded_job):
    job = embedded_job
    job.spec["inputs"][0]["source"] = {"local": {"path": "gone"}}
    validate = [str(PROGRAM), "validate", str(job.manifest())]
    done = subprocess.run(validate, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "is valid" in done.stdout
    assert "warning" in done.stderr and str(job.root / "gone") in done.stderr
    assert "spec.entryScript" in done.stderr and "entry.py" in done.stderr
    # A cluster's volumes are not looked for here.
    job.spec["inputs"][0]["source"] = {"persistentVolumeClaim": {"claimName": "data"}}
    job.manifest()
    done = subprocess.run(validate, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == ""
    # Nothing to say where `run` would start.
    job.files(1).script(SCRIPT)
    job.spec["inputs"][0]["source"] = {"local": {"path": "data"}}
    job.manifest()
    done = subprocess.run(validate, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == ""


def test_an_empty_input_fails_at_once(embedded_job):
    """Before the agents have registered: nobody waits for them."""
    embedded_job.script(SCRIPT)
    for _ in range(8):
        started = time.monotonic()
        embedded_job.run().expect(1)
        assert time.monotonic() - started < 30
