"""`parallelrun convert`: files of every kind with the manifests that they must become, and what is said of the rest.

Each folder of convert/ has a file of Azure ML, `expected.yaml` and `expected.txt`: what standard output and standard error
have. After a change that is meant: PARALLELRUN_WRITE_EXPECTED=1 writes them anew.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SAMPLES = Path(__file__).parent / "convert"
FILES = sorted(
    path
    for path in SAMPLES.glob("*/*")
    if path.name in ("pipeline.yml", "parallel.yml", "deployment.yml", "program.py", "scores.ipynb")
)
PRINT = "def init(): pass\ndef run(mini_batch): return [open(path).read() for path in mini_batch]\n"


@pytest.fixture
def parallelrun_command(package):
    """parallelrun_command(*arguments, cwd=...) -> the end of `python -m parallelrun ...`."""

    def run(*arguments, cwd):
        return subprocess.run(
            [sys.executable, "-m", "parallelrun", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(package)},
            capture_output=True,
            text=True,
            timeout=240,
        )

    return run


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_a_file_becomes_what_it_must(parallelrun_command, file):
    done = parallelrun_command("convert", file.name, cwd=file.parent)
    assert done.returncode == 0, done.stderr
    if os.environ.get("PARALLELRUN_WRITE_EXPECTED"):
        (file.parent / "expected.yaml").write_text(done.stdout)
        (file.parent / "expected.txt").write_text(done.stderr)
    assert done.stdout == (file.parent / "expected.yaml").read_text()
    assert done.stderr == (file.parent / "expected.txt").read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_the_program_accepts_what_came_out(parallelrun_command, file, tmp_path):
    done = parallelrun_command("convert", file, "--output", tmp_path / "jobs", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = done.stdout.split()
    expected = list(yaml.safe_load_all((file.parent / "expected.yaml").read_text()))
    assert [yaml.safe_load(Path(each).read_text())["metadata"] for each in written] == [
        each["metadata"] for each in expected
    ]
    for dataset in (each for each in written if each.endswith(".dataset.yaml")):
        told = parallelrun_command("datasets", "register", dataset, "--datasets", "sets", cwd=tmp_path)
        assert told.returncode == 0, told.stderr
    for manifest in (each for each in written if not each.endswith(".dataset.yaml")):
        checked = parallelrun_command("validate", manifest, cwd=tmp_path)
        assert checked.returncode == 0, checked.stderr
        spec = yaml.safe_load(Path(manifest).read_text())["spec"]
        if "local" in spec["sourceDirectory"] and (file.parent / "script").is_dir():
            assert (Path(manifest).parent / spec["sourceDirectory"]["local"]["path"]).is_dir()


def test_a_converted_program_runs(parallelrun_command, folder):
    """As `to run` says, with the folders that it asks for."""
    (folder / "print_it.py").write_text(PRINT)
    (folder / "program.py").write_text(
        "from azureml.pipeline.steps import *\n"
        'config = ParallelRunConfig(entry_script="print_it.py", mini_batch_size=3)\n'
        'data = Dataset.File.from_files(path="in/*.txt").as_named_input("numbers")\n'
        'ParallelRunStep("print-it", config, [data])\n'
    )
    done = parallelrun_command("convert", "program.py", "--output", "jobs", cwd=folder)
    *_, last = done.stderr.splitlines()
    assert last == "  parallelrun run jobs/print-it.yaml --output DIR"
    words = shlex.split(last.replace("DIR", "out"))[1:]
    ended = parallelrun_command(*words, "--quiet", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    assert sorted((folder / "out" / "parallel_run_step.txt").read_text().split()) == sorted(
        map(str, range(10))
    )


def test_a_converted_component_with_a_conda_file_runs(parallelrun_command, folder):
    """The runner reads the file as conda's, so it must stand under the field that says so."""
    (folder / "code").mkdir()
    (folder / "code" / "print_it.py").write_text(PRINT)
    (folder / "env.yml").write_text(
        "name: e\nchannels: [conda-forge]\ndependencies:\n- python\n- pip\n- pip: []\n"
    )
    (folder / "component.yml").write_text(
        "type: parallel\nname: print-it\ninputs: {files: {type: uri_folder, path: in}}\n"
        "outputs: {rows: {type: uri_file, path: out/rows.txt}}\ninput_data: ${{inputs.files}}\nmini_batch_size: '5'\n"
        "task:\n  code: code\n  entry_script: print_it.py\n  append_row_to: ${{outputs.rows}}\n"
        "  environment: {conda_file: env.yml}\n"
    )
    done = parallelrun_command("convert", "component.yml", "--output", "jobs", cwd=folder)
    *_, copy, run = (shlex.split(line) for line in done.stderr.splitlines())
    assert copy == ["cp", "env.yml", "code/"]
    subprocess.run(copy, cwd=folder, check=True)
    ended = parallelrun_command(*run[1:], "--quiet", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    assert len((folder / "out" / "rows.txt").read_text().splitlines()) == 10


def test_a_converted_program_runs_on_what_it_registers(parallelrun_command, folder, monkeypatch):
    """Each command of `to run`, with the folders that it asks for."""
    monkeypatch.setenv("PARALLELRUN_DATASETS", str(folder / "sets"))
    (folder / "print_it.py").write_text(PRINT)
    (folder / "labels").mkdir()
    (folder / "labels" / "labels.csv").write_text("a")
    (folder / "program.py").write_text(
        'numbers = Dataset.File.from_files("in/*.txt").register(ws, "ten_numbers")\n'
        'labels = Dataset.get_by_name(ws, "labels", version=4).as_named_input("labels")\n'
        'out = OutputFileDatasetConfig("o").register_on_complete("printed")\n'
        'config = ParallelRunConfig(entry_script="print_it.py", mini_batch_size=3)\n'
        'ParallelRunStep("print-it", config, [numbers.as_named_input("n")], out, [labels], ["--labels", labels])\n'
        'again = Dataset.get_by_name(ws, "printed")\n'
        'ParallelRunStep("print-again", config, [again.as_named_input("n")])\n'
    )
    done = parallelrun_command("convert", "program.py", "--output", "jobs", cwd=folder)
    assert done.returncode == 0, done.stderr
    _, _, after = done.stderr.partition("to run:\n")
    here, _, _ = after.partition("to register the data in a cluster:\n")
    assert [line.strip() for line in here.splitlines()] == [
        "parallelrun datasets register jobs/ten-numbers.dataset.yaml",
        "parallelrun datasets register labels --path DIR --version 4",
        "parallelrun run jobs/print-it.yaml --output DIR",
        "parallelrun datasets register printed --path DIR --glob parallel_run_step.txt",
        "parallelrun run jobs/print-again.yaml --output DIR",
    ]
    directories = {"--version": "labels", "print-it": "out", "--glob": "out", "print-again": "again"}
    for line in here.splitlines():
        found = next((name for word, name in directories.items() if word in line), "")
        ended = parallelrun_command(*shlex.split(line.replace("DIR", found))[1:], cwd=folder)
        assert ended.returncode == 0, (line, ended.stderr)
    assert sorted((folder / "out" / "parallel_run_step.txt").read_text().split()) == sorted(
        map(str, range(10))
    )
    # The rows of the first are the one file of the second.
    assert len((folder / "again" / "parallel_run_step.txt").read_text().splitlines()) == 1
    shown = parallelrun_command("datasets", "show", "labels", "-o", "json", cwd=folder).stdout
    assert [each["version"] for each in yaml.safe_load(shown)["spec"]["versions"]] == [4]


def test_one_job_names_its_data_only(parallelrun_command, tmp_path):
    file = SAMPLES / "v2_assets" / "pipeline.yml"
    done = parallelrun_command("convert", file, "--job", "files", cwd=tmp_path)
    assert done.returncode == 0 and "register digit-images " in done.stderr
    assert "register iris" not in done.stderr


def test_an_edited_manifest_is_kept(parallelrun_command, tmp_path):
    file = SAMPLES / "deployment" / "deployment.yml"
    for _ in range(2):
        assert parallelrun_command("convert", file, "--output", "jobs", cwd=tmp_path).returncode == 0
    manifest = tmp_path / "jobs" / "mnist-torch-dpl.yaml"
    manifest.write_text("# edited\n")
    done = parallelrun_command("convert", file, "--output", "jobs", cwd=tmp_path)
    assert done.returncode == 2 and manifest.read_text() == "# edited\n"
    assert "jobs/mnist-torch-dpl.yaml is there with other content; remove it" in done.stderr


def test_one_job_of_several(parallelrun_command, tmp_path):
    file = SAMPLES / "chain" / "pipeline.yml"
    one = parallelrun_command("convert", file, "--job", "second", cwd=tmp_path)
    assert yaml.safe_load(one.stdout)["metadata"]["name"] == "second"
    none = parallelrun_command("convert", file, "--job", "third", cwd=tmp_path)
    assert none.returncode == 2
    assert none.stderr == "parallelrun convert: there is no job 'third'; there are: first, second\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.yml", "", "x.yml is empty"),
        ("x.yml", "a: b\n\tc: d\n", "line 2"),
        ("x.yml", "a: b\n", "x.yml is none of what can be converted: a pipeline with parallel jobs"),
        ("x.yml", "type: pipeline\njobs: {a: {type: command}}\n", "x.yml has no parallel job"),
        ("x.yml", "$schema: https://x/batchEndpoint.schema.json\nname: e\n", "convert its deployment"),
        ("x.yml", "kind: ParallelRunJob\n", "is a ParallelRunJob already"),
        ("x.py", "x = (\n", "x.py is no Python"),
        ("x.py", "ParallelRunConfig()\n", "x.py has no ParallelRunStep (it has a ParallelRunConfig)"),
        ("x.ipynb", "{", "x.ipynb is no"),
    ],
)
def test_what_cannot_be_converted(parallelrun_command, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    done = parallelrun_command("convert", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("parallelrun convert: ")
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_file_that_is_missing(parallelrun_command, tmp_path):
    done = parallelrun_command("convert", "nothing.yml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "parallelrun convert: nothing.yml: No such file or directory\n",
    )


def test_what_is_known_only_at_run_time_and_what_is_invalid(parallelrun_command, tmp_path):
    (tmp_path / "x.py").write_text(
        "def config(size):\n    return ParallelRunConfig(entry_script='a.py', mini_batch_size=size, **more)\n"
        "ParallelRunStep('one-step', config(3), [data], side_inputs=labels, arguments=['--x', data, f'{y}'])\n"
        "two = ParallelRunConfig(entry_script='a.py', mini_batch_size='1MB')\n"
        "ParallelRunStep('two-step', two, [Dataset.File.from_files('in').as_named_input('files')])\n"
    )
    done = parallelrun_command("convert", "x.py", cwd=tmp_path)
    assert done.returncode == 1
    for line in (
        "x.py:3: parallel_run_config: not carried over: what config() gives is not known; set it in the manifest",
        "x.py:3: inputs[0]: not carried over: 'data' is known only when the program runs; set it in the manifest",
        "x.py:3: side_inputs: not carried over: 'labels' is known only when the program runs; set it in the manifest",
        "x.py:3: arguments[1]: not carried over: 'data' is known only when the program runs; set it in the manifest",
    ):
        assert line in done.stderr.splitlines()
    assert "parallelrun validate: two-step: spec.miniBatchSize: '1MB' is a size in bytes" in done.stderr


def test_texts_are_put_together_only_where_that_is_certain(parallelrun_command, tmp_path):
    """Constants are; a format that only Python knows is not."""
    (tmp_path / "x.py").write_text(
        "import os\nn = 3\nlevel = 'DE' + 'BUG'\n"
        "one = ParallelRunConfig(entry_script=os.path.join('a', f'b{n}.py'), logging_level=level,\n"
        "    append_row_file_name='{}-{}.txt'.format('x', n), mini_batch_size=2 * n, error_threshold=-1,\n"
        "    output_action=f'{n:03d}', run_max_try='{:9}'.format(n), node_count=int('x'))\n"
        "ParallelRunStep('one-step', one, [Dataset.File.from_files('in').as_named_input('files')])\n"
    )
    done = parallelrun_command("convert", "x.py", cwd=tmp_path)
    spec = yaml.safe_load(done.stdout)["spec"]
    assert (spec["sourceDirectory"], spec["entryScript"]) == ({"local": {"path": "a"}}, "b3.py")
    assert (spec["loggingLevel"], spec["appendRowFileName"], spec["miniBatchSize"]) == ("DEBUG", "x-3.txt", 6)
    assert not {"outputAction", "runMaxTry", "nodeCount"} & set(spec)
    for name in ("output_action", "run_max_try", "node_count"):
        assert f"x.py:6: {name}: not carried over: " in done.stderr


def test_partition_keys(parallelrun_command, tmp_path):
    (tmp_path / "x.py").write_text(
        "keys = ParallelRunConfig(entry_script='a.py', partition_keys=['user'])\n"
        "songs = Dataset.File.from_files('songs', partition_format='{user}/*.mp3')\n"
        "days = Dataset.File.from_files('days', partition_format='{day:yyyy}/*.mp3')\n"
        "ParallelRunStep('one-step', keys, [songs.as_named_input('songs'), days.as_named_input('days')])\n"
    )
    (tmp_path / "x.yml").write_text(
        "type: parallel\ninputs: {songs: {type: uri_folder, path: songs}}\ninput_data: ${{inputs.songs}}\n"
        "partition_keys: [user]\ntask: {entry_script: a.py}\n"
    )
    done = parallelrun_command("convert", "x.py", cwd=tmp_path)
    spec = yaml.safe_load(done.stdout)["spec"]
    assert spec["partitionKeys"] == ["user"] and spec["inputs"][0]["pathPattern"] == "{user}/*.mp3"
    assert "pathPattern" not in spec["inputs"][1]
    assert "x.py:3: partition_format: not carried over: only names in braces" in done.stderr
    assert (done.returncode, "parallelrun validate" in done.stderr) == (0, False)
    done = parallelrun_command("convert", "x.yml", cwd=tmp_path)
    assert yaml.safe_load(done.stdout)["spec"]["partitionKeys"] == ["user"] and done.returncode == 0


def test_the_help_names_it(parallelrun_command, tmp_path):
    assert "\n  convert  " in parallelrun_command("--help", cwd=tmp_path).stdout
    said = parallelrun_command("convert", "--help", cwd=tmp_path).stdout
    assert "example:  parallelrun convert pipeline.yml" in said


# --- the tables of names on the page about migration ---

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()
NAME = re.compile(r"`([A-Za-z_.\[\]]+)(?:: [^`]*)?`")


def table_of_names(head):
    """{what the left columns name: what the right ones name beside it}, of the table whose first heading is `head`."""
    lines = PAGE[PAGE.index(head) :].split("\n\n", 1)[0].splitlines()[2:]
    rows = [line.strip("| ").split("|") for line in lines]
    cells = [(left, right) for row in rows for left, right in (row[:2], row[-2:])]
    return {tuple(NAME.findall(left)): tuple(NAME.findall(right)) for left, right in cells}


def test_the_names_of_v1_are_those_of_the_converter(parallelrun_command, folder):
    config = {
        "source_directory": "src",
        "entry_script": "score.py",
        "mini_batch_size": "5",
        "error_threshold": 3,
        "allowed_failed_count": 2,
        "allowed_failed_percent": 5,
        "output_action": "append_row",
        "append_row_file_name": "rows.txt",
        "node_count": 2,
        "process_count_per_node": 3,
        "logging_level": "DEBUG",
        "run_invocation_timeout": 70,
        "run_max_try": 4,
        "partition_keys": ["store"],
        "environment_variables": {"A": "b"},
    }
    step = {"arguments": ["--a", "b"], "allow_reuse": False}
    tuned = {name: value for name, value in config.items() if name != "partition_keys"}
    grouped = {name: value for name, value in config.items() if name != "mini_batch_size"}
    (folder / "program.py").write_text(
        "data = Dataset.Tabular.from_delimited_files('in/*.csv').as_named_input('numbers')\n"
        "labels = Dataset.File.from_files('labels').as_named_input('labels')\n"
        "environment = Environment('packages')\n"
        "environment.python.conda_dependencies = CondaDependencies.create(pip_packages=['numpy'])\n"
        + "".join(
            "config = ParallelRunConfig(compute_target='cluster', environment=environment, **%r)\n"
            "ParallelRunStep('%s', config, inputs=[data], side_inputs=[labels],\n"
            "                output=OutputFileDatasetConfig('rows'), **%r)\n" % (settings, name, step)
            for name, settings in (("tuned", tuned), ("grouped", grouped))
        )
    )
    done = parallelrun_command("convert", "program.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    spec = {name for job in yaml.safe_load_all(done.stdout) for name in job["spec"]}
    table = table_of_names("| parameter | field of `spec` |")
    given = {*config, *step, "compute_target", "environment", "inputs", "side_inputs", "output"}
    assert {name for names in table for name in names} == given
    assert {name for names in table.values() for name in names} <= spec


def test_the_names_of_v2_are_those_of_the_converter():
    """Each stands in a sample of v2, and what it becomes in what the samples must become."""
    samples = [folder for folder in SAMPLES.iterdir() if not (folder / "program.py").exists()]
    texts = [path for folder in samples for path in folder.rglob("*") if path.is_file()]
    before = "\n".join(path.read_text() for path in texts if not path.name.startswith("expected"))
    after = "\n".join(path.read_text() for path in texts if path.name == "expected.yaml")

    def stands_in(text, name):
        return re.search(r"\b%s\b" % re.escape(name.split(".")[-1].replace("[]", "")), text)

    table = table_of_names("| v2 parallel job |")
    assert len(table) > 15
    assert [name for names in table for name in names if not stands_in(before, name)] == []
    assert [name for names in table.values() for name in names if not stands_in(after, name)] == []
