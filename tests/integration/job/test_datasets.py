"""Registered datasets on one machine: `parallelrun datasets`, and jobs that name them."""

import json
import os
import shutil
import subprocess

import pytest
import yaml
from checkout import PROGRAM, REPOSITORY
from waiting import PATIENCE, wait_for

NAMES = """
    import os
    def init(): pass
    def run(batch):
        return [os.path.basename(path) for path in batch]
"""
SUMS = """
    def init(): pass
    def run(table):
        return [f"{row.a}-{row.b}" for row in table.itertuples()]
"""
WAITS = """
    import os, time
    def init(): pass
    def run(batch):
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.01)
        return [os.path.basename(path) for path in batch]
"""


def datasets(*words, code=0, cwd=None, given="", **variables):
    done = subprocess.run(
        [str(PROGRAM), "datasets", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=cwd,
        input=given,
        env={**os.environ, **variables},
    )
    assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture
def sets(tmp_path):
    return tmp_path / "sets"


@pytest.fixture
def job(embedded_job, sets, monkeypatch):
    """A job that names the dataset `d`, in the folder that PARALLELRUN_DATASETS names."""
    monkeypatch.setenv("PARALLELRUN_DATASETS", str(sets))
    embedded_job.script(NAMES).set(miniBatchSize=1)
    return uses(embedded_job, {"name": "d"})


def uses(job, dataset, **options):
    job.spec["inputs"] = [{"name": "files", "source": {"dataset": dataset}, **options}]
    return job


def folder(root, name, *files):
    path = root / name
    path.mkdir()
    for file in files:
        (path / file).write_text("a;b\n1;2\n" if file.endswith(".csv") else "x")
    return path


def recorded(job):
    return json.loads((job.out / ".parallelrun" / "job.json").read_text())["datasets"]


# ---- the verbs


def test_versions_are_added_and_never_change(tmp_path, sets):
    first, second = folder(tmp_path, "1", "a"), folder(tmp_path, "2", "b")
    told = datasets("register", "d", "--path", first, "--datasets", sets).stdout
    assert told == f"registered version 1 of the dataset 'd' ({first}) in {sets}\n"
    told = datasets("register", "d", "--path", "1/", "--datasets", sets, cwd=tmp_path).stdout
    assert told.startswith("the dataset 'd' has this data already, as version 1 ")
    datasets("register", "d", "--path", second, "--description", "two", "--datasets", sets)
    told = datasets(
        "register", "d", "--path", second, "--new-version", "--datasets", sets, "-o", "json"
    ).stdout
    assert json.loads(told) == {
        "name": "d",
        "type": "file",
        "version": 3,
        "added": [3],
        "folder": str(sets),
    }
    shown = yaml.safe_load(datasets("show", "d", "-o", "yaml", "--datasets", sets).stdout)
    assert shown == yaml.safe_load((sets / "d.yaml").read_text())
    versions = shown["spec"]["versions"]
    assert [each["version"] for each in versions] == [1, 2, 3]
    assert versions[1]["description"] == "two" and versions[1]["source"] == {"local": {"path": str(second)}}
    refused = datasets("register", "d", "--path", first, "--type", "tabular", "--datasets", sets, code=2)
    assert "the dataset 'd' is file, and all its versions are" in refused.stderr


def test_a_version_may_be_given_its_number(tmp_path, sets):
    """As it is elsewhere: in Azure, or in a cluster."""
    first, second = folder(tmp_path, "1", "a"), folder(tmp_path, "2", "b")
    told = datasets("register", "d", "--path", first, "--version", "4", "--datasets", sets).stdout
    assert told == f"registered version 4 of the dataset 'd' ({first}) in {sets}\n"
    datasets("register", "d", "--path", second, "--version", "2", "--datasets", sets)
    versions = yaml.safe_load((sets / "d.yaml").read_text())["spec"]["versions"]
    assert [(each["version"], each["source"]["local"]["path"]) for each in versions] == [
        (2, str(second)),
        (4, str(first)),
    ]
    assert all("created" in each for each in versions)
    told = datasets("register", "d", "--path", second, "--version", "2", "--datasets", sets).stdout
    assert told.startswith("the dataset 'd' has this data already, as version 2 ")
    refused = datasets("register", "d", "--path", first, "--version", "2", "--datasets", sets, code=2)
    assert "version 2 of the dataset 'd' is there with other data" in refused.stderr
    assert "such as 5" in refused.stderr
    both = ["--version", "9", "--new-version"]
    assert "excludes" in datasets("register", "d", "--path", first, *both, "--datasets", sets, code=2).stderr
    assert "--version" in datasets("register", "x.yaml", "--version", "9", "--datasets", sets, code=2).stderr


def test_the_list_in_each_form(tmp_path, sets):
    data = folder(tmp_path, "data", "a.csv")
    assert "no dataset is registered" in datasets("list", "--datasets", sets).stderr
    datasets("register", "t", "--path", data / "a.csv", "--type", "tabular", "--datasets", sets)
    datasets("register", "s", "--source", "{s3: {bucket: b, prefix: p/q}}", "--datasets", sets)
    lines = datasets("list", "--datasets", sets).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["NAME", "TYPE", "NEWEST", "VERSIONS", "SOURCE"],
        ["s", "file", "1", "1", "s3://b/p/q"],
        ["t", "tabular", "1", "1", str(data / "a.csv")],
    ]
    assert datasets("list", "-o", "name", "--datasets", sets).stdout == "s\nt\n"
    listed = json.loads(datasets("list", "-o", "json", "--datasets", sets).stdout)
    assert listed[1]["spec"]["versions"][0]["glob"] == "a.csv"
    assert "DESCRIPTION" in datasets("list", "-o", "wide", "--datasets", sets).stdout
    (sets / "broken.yaml").write_text("kind: x\n")
    partly = datasets("list", "-o", "name", "--datasets", sets, code=1)
    assert partly.stdout == "s\nt\n" and "broken.yaml" in partly.stderr


FILE = {
    "apiVersion": "parallelrun.dev/v1alpha1",
    "kind": "ParallelRunDataset",
    "metadata": {"name": "d"},
    "spec": {"type": "file", "versions": [{"version": 5, "source": {"local": {"path": "data"}}}]},
}


def test_a_file_is_registered_with_its_numbers_and_paths(tmp_path, sets):
    data = folder(tmp_path, "data", "a")
    (tmp_path / "d.yaml").write_text(yaml.safe_dump(FILE))
    told = datasets("register", tmp_path / "d.yaml", "--datasets", sets, cwd="/").stdout
    assert told == f"registered version 5 of the dataset 'd' ({data}) in {sets}\n"
    assert "nothing is changed" in datasets("register", tmp_path / "d.yaml", "--datasets", sets).stdout
    other = json.loads(json.dumps(FILE).replace('"data"', '"elsewhere"'))
    refused = datasets("register", "-", "--datasets", sets, given=json.dumps(other), code=2)
    assert "version 5 of the dataset 'd' is there with other data" in refused.stderr
    assert "such as 6" in refused.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "x"], "there is no dataset 'x' in"),
        (["register", "x"], "there is no file 'x'; to register a folder under a name"),
        (["register", "x", "--path", "/nowhere/at/all"], "there is no such file or folder"),
        (["register", "a/b", "--path", "/"], "'a/b' is not the name of a dataset"),
        (["register", "x", "--path", "/", "--data-format", "csv"], "--data-format: is for tabular inputs"),
        (["register", "x", "--path", "/", "--glob", "/a"], "--glob: '/a' is absolute"),
        (["register", "x", "--source", "{dataset: {name: y}}"], "a dataset cannot be another dataset"),
        (["register", "x", "--source", "{s3: {}}"], "bucket"),
        (["register", "x", "--glob", "*"], "--glob describes the data of --path, --claim or --source"),
    ],
)
def test_what_is_wrong_is_told(sets, words, message):
    told = datasets(*words, "--datasets", sets, code=2).stderr
    assert message in told
    assert not sets.exists() or not list(sets.glob("*.yaml"))


# ---- jobs


def test_a_job_gets_the_newest_version(tmp_path, job):
    datasets("register", "d", "--path", folder(tmp_path, "1", "one"))
    newest = folder(tmp_path, "2", "two", "other")
    datasets("register", "d", "--path", newest, "--glob", "t*")
    done = job.run().expect(0)
    assert job.rows() == ["two"]
    assert f"inputs.files: dataset 'd', version 2 ({newest}/t*), the newest" in done.words
    assert "Dataset of inputs.files: d, version 2\n" in job.overview()
    assert recorded(job) == {"inputs.files": {"name": "d", "version": 2}}
    progress = json.loads((job.out / "logs/sys/progress.json").read_text())
    assert progress["datasets"] == {"inputs.files": {"name": "d", "version": 2}}


def test_a_job_gets_the_version_that_it_names(tmp_path, job):
    datasets("register", "d", "--path", folder(tmp_path, "1", "one"))
    datasets("register", "d", "--path", folder(tmp_path, "2", "two"))
    done = uses(job, {"name": "d", "version": 1}).run().expect(0)
    assert job.rows() == ["one"]
    assert "version 1 (" in done.words and "newest" not in done.words


def test_a_job_that_goes_on_has_the_version_that_it_began_with(tmp_path, job):
    datasets("register", "d", "--path", folder(tmp_path, "1", "a", "b"))
    job.script(WAITS)
    go = tmp_path / "go"
    process = job.start(env=job.environment(GO=str(go)))
    wait_for(lambda: (job.out / ".parallelrun" / "job.json").exists(), "the job has begun")
    process.terminate()
    process.communicate(timeout=PATIENCE)
    datasets("register", "d", "--path", folder(tmp_path, "2", "c"))
    go.touch()
    done = job.run(env=job.environment(GO=str(go))).expect(0)
    assert sorted(job.rows()) == ["a", "b"]
    assert "version 1 (" in done.words
    assert "with which the job began; version 2 is there now" in done.words
    # The same again: it is complete, and the newer version does not make it another job.
    assert "already has the complete results" in job.run(env=job.environment(GO=str(go))).expect(0).words
    # Another job takes the newest one, whatever the earlier one began with.
    job.set(arguments=["--other"])
    done = job.run("--overwrite", env=job.environment(GO=str(go))).expect(0)
    assert job.rows() == ["c"]
    assert recorded(job)["inputs.files"]["version"] == 2


def test_another_version_by_name_is_another_job(tmp_path, job):
    datasets("register", "d", "--path", folder(tmp_path, "1", "one"))
    datasets("register", "d", "--path", folder(tmp_path, "2", "two"))
    uses(job, {"name": "d", "version": 1}).run().expect(0)
    refused = uses(job, {"name": "d", "version": 2}).run().expect(2)
    assert "holds the results of another job" in refused.words
    uses(job, {"name": "d", "version": 2}).run("--overwrite").expect(0)
    assert job.rows() == ["two"]


def test_a_table_with_its_options(tmp_path, job):
    folder(tmp_path, "tables", "t.csv", "other.txt")
    version = {
        "version": 1,
        "source": {"local": {"path": "tables"}},
        "glob": "*.csv",
        "delimiter": ";",
        "columns": {"a": "string"},
    }
    (tmp_path / "d.yaml").write_text(
        yaml.safe_dump({**FILE, "spec": {"type": "tabular", "versions": [version]}})
    )
    datasets("register", tmp_path / "d.yaml")
    job.script(SUMS).set(miniBatchSize="1KB").run().expect(0)
    assert job.rows() == ["1-2"]


def test_a_side_input_of_one_file(tmp_path, job):
    data = folder(tmp_path, "1", "one")
    (tmp_path / "model.txt").write_text("weights")
    datasets("register", "d", "--path", data)
    datasets("register", "model", "--path", tmp_path / "model.txt")
    job.set(
        sideInputs=[{"name": "model", "source": {"dataset": {"name": "model"}}}],
        arguments=["$(sideInputs.model)"],
    ).script("""
        import sys
        def init(): pass
        def run(batch):
            return [open(sys.argv[1]).read() for _ in batch]
    """)
    done = job.run().expect(0)
    assert job.rows() == ["weights"]
    assert "sideInputs.model: dataset 'model', version 1" in done.words


def test_several_folders_are_several_inputs(tmp_path, job):
    datasets("register", "d", "--path", folder(tmp_path, "1", "one"), "--path", folder(tmp_path, "2", "two"))
    done = job.run().expect(0)
    assert sorted(job.rows()) == ["one", "two"]
    assert "has 2 folders, so the input 'files' becomes 2 inputs" in done.words


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        ({"name": "dd"}, {}, "spec.inputs[0].source.dataset: there is no dataset 'dd' in"),
        ({"name": "dd"}, {}, "known: 'd'"),
        ({"name": "dd"}, {}, "parallelrun datasets register dd --path FOLDER"),
        ({"name": "d", "version": 3}, {}, "the dataset 'd' has no version 3; it has: 1"),
        ({"name": "d"}, {"type": "tabular"}, "spec.inputs[0].type: is tabular, but the dataset 'd' is file"),
        ({"name": "d", "version": "latest"}, {}, "remove the version to use the newest one"),
    ],
)
def test_a_dataset_that_cannot_be_used(tmp_path, job, dataset, options, message):
    datasets("register", "d", "--path", folder(tmp_path, "1", "one"))
    assert message in uses(job, dataset, **options).run().expect(2).words
    assert not job.out.exists()


def test_validate_judges_the_manifest_and_warns_of_this_machine(tmp_path, job):
    def validate(*options):
        return subprocess.run(
            [str(PROGRAM), "validate", str(job.manifest()), *map(str, options)],
            capture_output=True,
            text=True,
            check=True,
        ).stderr

    assert "would refuse this here: spec.inputs[0].source.dataset: there is no dataset 'd'" in validate()
    datasets("register", "d", "--path", folder(tmp_path, "1", "one"))
    assert "note: inputs.files: dataset 'd', version 1" in validate()
    assert "there is no dataset 'd'" in validate("--datasets", tmp_path / "empty")


def test_a_directory_in_place_of_a_dataset_that_is_not_here(tmp_path, job):
    here = folder(tmp_path, "here", "one")
    refused = job.run("--input", f"files={here}").expect(2)
    assert "or say the input's type in the manifest" in refused.words
    uses(job, {"name": "d"}, type="file").run("--input", f"files={here}").expect(0)
    assert job.rows() == ["one"]


def test_the_example(tmp_path, sets):
    example = tmp_path / "datasets"
    shutil.copytree(REPOSITORY / "examples" / "datasets", example)
    datasets("register", "texts.yaml", "--datasets", sets, cwd=example)
    command = [PROGRAM, "run", "job.yaml", "--datasets", sets]
    done = subprocess.run(command, cwd=example, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = (example / "output" / "parallel_run_step.txt").read_text().splitlines()
    assert sorted(rows) == ["a.txt: 3 words", "b.txt: 4 words", "c.txt: 2 words"]
