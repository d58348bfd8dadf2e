"""`replay` of a job in a cluster: the mini-batch's files, side inputs and code come through the API server and a pod's log,
and the script runs here. The job itself has run on this machine, and its folders stand in for the volumes."""

import os
import subprocess

import pytest
import yaml
from calls import ended
from checkout import PROGRAM
from log_kubelet import LogKubelet
from terminal import on_terminal
from waiting import PATIENCE, wait_for

FILES = """\
import os, sys

def init():
    global words
    words = open(sys.argv[sys.argv.index("--words") + 1] + "/words.txt").read()

def run(batch):
    print("gets", sorted(os.listdir(os.path.dirname(batch[0]))))
    return [os.path.basename(path) + ":" + words + str(int(open(path).read())) for path in batch]
"""

TABLE = """\
def init(): pass

def run(frame):
    if (frame["value"] < 0).any(): raise ValueError(str(list(frame["value"])))
    return frame["value"] * 2
"""


class Job:
    """Of a cluster, whose claims `data`, `words` and `results` and whose ConfigMap `code` are folders here."""

    def __init__(self, verbs, scratch):
        self._verbs = verbs
        self.folders = {name: scratch / name for name in ("data", "words", "code", "results")}
        for folder in self.folders.values():
            folder.mkdir()
        (scratch / "kubelet").mkdir()
        self._scratch = scratch
        self.cache = scratch / "cache"
        self.spec = {}

    def run(self, script, code=0, *, claims=(), in_cluster=None, **spec):
        """First here, as one of this machine; then the cluster has one that says the same of its volumes, but for what
        `in_cluster` says."""
        (self.folders["code"] / "score.py").write_text(script)
        here = {
            "entryScript": "score.py",
            "nodeCount": 1,
            "runMaxTry": 1,
            "outputAction": "append_row",
            **spec,
        }
        inputs = here.pop("inputs", [{"name": "data", "type": "file"}])
        local = {
            "metadata": {"name": "digits"},
            "spec": {
                **here,
                "sourceDirectory": {"local": {"path": "code"}},
                "inputs": [{**one, "source": {"local": {"path": "data"}}} for one in inputs],
                "output": {"source": {"local": {"path": "results"}}},
            },
        }
        there = {**here, "inputs": [{**one, "source": _claim("data")} for one in inputs]}
        if claims:
            for spec, make in ((local["spec"], _folder), (there, _claim)):
                spec["sideInputs"] = [{"name": name, "source": make(name)} for name in claims]
        (self._scratch / "job.yaml").write_text(
            yaml.safe_dump({"apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob", **local})
        )
        done = subprocess.run(
            [PROGRAM, "run", self._scratch / "job.yaml", "--quiet"], timeout=PATIENCE, capture_output=True
        )
        assert done.returncode == code, done.stderr.decode()
        del there["nodeCount"]
        self._verbs.job("digits", ended(), **{**there, **(in_cluster or {})})
        return self

    def node(self):
        claims = {name: folder for name, folder in self.folders.items() if name != "results"}
        world = self._verbs.world
        return LogKubelet(
            world.server.folder, world.namespace, self._scratch / "kubelet", self.folders["results"], **claims
        )

    def variables(self):
        return {"PARALLELRUN_CACHE_DIR": str(self.cache), "TMPDIR": str(self._scratch)}

    def replay(self, *words, code=0):
        done = self._verbs("replay", "digits", *words, code=code, **self.variables())
        assert not self.cache.exists() or not list(self.cache.iterdir()), "what was fetched is gone"
        return done


def _claim(name):
    return {"persistentVolumeClaim": {"claimName": name}}


def _folder(name):
    return {"local": {"path": name}}


@pytest.fixture
def job(verbs, tmp_path):
    return Job(verbs, tmp_path)


@pytest.fixture
def numbers(job):
    """12 files by 4, of which 05.txt holds no number; a side input, and a mini-batch that fails."""
    for number in range(12):
        (job.folders["data"] / f"{number:02}.txt").write_text("seven" if number == 5 else str(number))
    (job.folders["words"] / "words.txt").write_text("w")
    (job.folders["words"] / "tool").write_text("#!/bin/sh\n")
    (job.folders["words"] / "tool").chmod(0o755)
    return job.run(
        FILES,
        miniBatchSize=4,
        claims=["words"],
        arguments=["--words", "$(sideInputs.words)"],
        errorThreshold=-1,
    )


def check_files_of_a_mini_batch(numbers, verbs):
    with numbers.node():
        done = numbers.replay("1", code=1)
        assert "run() gets 4 items" in done.stderr
        assert "ValueError: invalid literal for int() with base 10: 'seven'" in done.stderr
        # No more than these came.
        assert "gets ['04.txt', '05.txt', '06.txt', '07.txt']" in done.stdout + done.stderr
        assert "mini-batch 1 (4 files, 8 B), side input 'words' (2 files, 11 B), the code" in done.stderr
        assert "ran with something else" not in done.stderr and "since the job" not in done.stderr
        assert numbers.replay("2").stdout.splitlines()[-4:] == [
            "08.txt:w8",
            "09.txt:w9",
            "10.txt:w10",
            "11.txt:w11",
        ]
        alone = numbers.replay("1", "06.txt")
        assert alone.stdout.splitlines()[-1] == "06.txt:w6" and "mini-batch 1 (1 file, 1 B)" in alone.stderr
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")


def check_code_with_a_mend_and_a_folder_in_place_of_a_side_input(numbers, tmp_path):
    mended = tmp_path / "mended"
    mended.mkdir()
    (mended / "score.py").write_text(FILES.replace("int(open(path).read())", "open(path).read()"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "words.txt").write_text("o")
    with numbers.node():
        done = numbers.replay(
            "1", "--source-directory", mended, "--side-input", f"words={tmp_path / 'other'}"
        )
    assert "05.txt:oseven" in done.stdout
    assert "code: score.py" in done.stderr and "side input" not in done.stderr


def check_what_cannot_be_had_is_named_with_the_way_out(numbers, verbs):
    with numbers.node():
        said = numbers.replay("7", code=2).stderr
        assert said == "parallelrun: this job has no mini-batch 7; they are 0 to 2\n"
        said = numbers.replay("1", "99.txt", code=2).stderr
        assert "ITEM is '99.txt', but mini-batch 1 has 4 items" in said
        (numbers.folders["words"] / "large").write_bytes(b"x" * (3 << 20))
        said = numbers.replay("1", "--limit", "2", code=2).stderr
        assert "3.0 MB would have to be fetched, and --limit is 2.0 MB" in said
        assert "side input 'words' (3 files, 3.0 MB)" in said and "--side-input words=DIR" in said
        assert "gets 4 items" in numbers.replay("1", "--limit", "4", code=1).stderr
        (numbers.folders["data"] / "05.txt").write_text("changed")
        assert "since the job listed its inputs: 05.txt changed" in numbers.replay("1", code=1).stderr
        (numbers.folders["data"] / "05.txt").unlink()
        said = numbers.replay("1", code=2).stderr
        assert "05.txt" in said and "No such file" in said
        assert "MINI-BATCH is 'x'" in numbers.replay("x", code=2).stderr
    assert "'nothing'" in verbs("replay", "nothing", "0", code=2).stderr


def check_code_in_an_image_and_variables_of_secrets(verbs, job):
    (job.folders["data"] / "a.txt").write_text("1")
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}
    job.run(
        "import os\ndef init(): pass\ndef run(batch): return [os.environ['PLAIN']] * len(batch)\n",
        code=1,
        in_cluster={
            "entryScript": "/app/score.py",
            "sourceDirectory": None,
            "environment": {"image": "own:1", "variables": {"PLAIN": "seen"}, "env": [secret]},
        },
    )
    said = job.replay("0", code=2).stderr
    assert "its image 'own:1'" in said and "--source-directory DIR" in said
    with job.node():
        said = job.replay("0", "--source-directory", job.folders["code"], code=2).stderr
        assert "spec.environment.env[0].valueFrom" in said and "export TOKEN=..." in said
        job.folders["words"].joinpath("app").mkdir()
        said = job.replay("0", "--source-directory", job.folders["words"], code=2).stderr
        assert "has no 'score.py'" in said
        words = ("replay", "digits", "0", "--source-directory", job.folders["code"])
        given = verbs(*words, TOKEN="x", **job.variables())
        assert given.stdout == "seen\n" and "not in the image 'own:1'" in given.stderr


def check_a_table_and_one_row_of_it(job):
    rows = "\n".join(f"{i},{-i if i == 11 else i}" for i in range(200_000))
    (job.folders["data"] / "t.csv").write_text("key,value\n" + rows + "\n")
    job.run(TABLE, inputs=[{"name": "data", "type": "tabular"}], miniBatchSize="4KB", errorThreshold=-1)
    with job.node():
        # Of 2.6 MB, the bytes of the mini-batch alone.
        done = job.replay("0", "--limit", "1", code=1)
        assert "-11, 12" in done.stderr and "mini-batch 0 (1 file, 4." in done.stderr
        assert job.replay("0", "12").stdout == "24\n"
        assert "ValueError: [-11]" in job.replay("0", "11", code=1).stderr
        assert len(job.replay("300").stdout.splitlines()) > 100


def check_grouped_records(job):
    rows = "\n".join(f"{'abc'[i % 3]},{-1 if i == 4 else i}" for i in range(30))
    (job.folders["data"] / "t.csv").write_text("key,value\n" + rows + "\n")
    keys = {"partitionKeys": ["key"], "miniBatchSize": None, "errorThreshold": -1}
    spec = {name: value for name, value in keys.items() if value is not None}
    job.run(TABLE, inputs=[{"name": "data", "type": "tabular"}], **spec)
    with job.node():
        assert "-1, 7, 10" in job.replay("1", code=1).stderr
        assert job.replay("0").stdout.split()[:3] == ["0", "6", "12"]


def check_the_debugger(numbers, verbs):
    environment = {**verbs.environment, **numbers.variables()}
    with numbers.node():
        code, shown = on_terminal(
            verbs.words("replay", "digits", "1", "06.txt", "--pdb"),
            80,
            environment,
            verbs.scratch,
            b"p len(batch)\nc\n",
        )
    assert code == 0 and "(Pdb)" in shown and "06.txt:w6" in shown, shown
    assert os.listdir(numbers.cache) == []
