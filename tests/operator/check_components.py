"""The SDK v2 over a workspace that is a namespace, against a real API server. Nobody runs the jobs: their status is written by
the tests, and their output is that of a job of this machine."""

import re
import subprocess

import pytest
from checkout import PROGRAM
from log_kubelet import LogKubelet
from sdk_jobs import finish, job_of, names_of, volume
from server import Datasets
from waiting import PATIENCE, wait_for

SCRIPT = "def init(): pass\n\ndef run(batch):\n    return batch\n"


@pytest.fixture
def v2(parallelrun, recwarn):
    """All names that programs import, in one place."""
    later = (f"azure.ai.ml.{name}" for name in ("parallel", "constants", "entities", "dsl"))
    return names_of("azureml.core", "azure.ai.ml", *later)


@pytest.fixture
def client(v2, verbs, tmp_path, monkeypatch):
    """Of the namespace of the test, with a volume as its datastore, beside a folder with a script."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "score.py").write_text(SCRIPT)
    client = v2.MLClient(namespace=verbs.world.namespace, kubeconfig=verbs.environment["KUBECONFIG"])
    v2.Datastore.register_claim(client.workspace, "photos", "data", "2026")
    yield client
    verbs.world.server.request("DELETE", verbs.world.path("configmaps"))
    datasets = Datasets(verbs.world.server, verbs.world.namespace)
    verbs.world.server.request("DELETE", datasets.path())


def in_store(path):
    return f"azureml://datastores/photos/paths/{path}"


def scoring(v2, name="batch_score", **changed):
    return v2.parallel_run_function(**{
        "name": name,
        "inputs": {"data": v2.Input(type="uri_folder"), "model": v2.Input(type="custom_model")},
        "outputs": {"rows": v2.Output(type="uri_file"), "more": v2.Output(type="uri_folder")},
        "input_data": "${{inputs.data}}",
        "instance_count": 2,
        "mini_batch_size": "5",
        "task": v2.RunFunction(
            code="./src",
            entry_script="score.py",
            program_arguments="--model ${{inputs.model}} --out ${{outputs.more}}",
            append_row_to="${{outputs.rows}}",
            environment=v2.Environment(
                image="registry/scores:1", conda_file={"dependencies": [{"pip": ["pillow"]}]}
            ),
        ),
        **changed,
    })  # fmt: skip


def check_a_pipeline_of_components(v2, client, verbs):
    """The program of one machine, with the client alone changed. One reads what another writes."""
    made = client.data.create_or_update(v2.Data(name="images", path=in_store("mnist/"), description="digits"))
    assert (made.id, made.type, made.description) == ("azureml:images:1", "uri_folder", "digits")
    first, second = scoring(v2), scoring(v2, "again")

    @v2.pipeline()
    def scores(data, model):
        one = first(data=data, model=model)
        two = second(data=one.outputs.rows, model=one.outputs.more)
        two.outputs.rows.path = in_store("final")
        return {"rows": two.outputs.rows, "more": one.outputs.more}

    with pytest.warns(UserWarning, match="compute 'cpu': it stands for the cluster; instance_count pods"):
        job = client.jobs.create_or_update(
            scores(data=v2.Input(path=made.path), model=v2.Input(path=in_store("models/net.bin"))),
            compute="cpu",
            experiment_name="digits",
        )
    there = finish(verbs, job.run.get_steps()[0])
    name, spec = there["metadata"]["name"], there["spec"]
    assert re.fullmatch(r"batch-score-[0-9a-f]{6}-1", name)
    assert spec["inputs"] == [
        {"name": "data", "type": "file", "source": {"dataset": {"name": "images", "version": 1}}}
    ]
    assert [(each["name"], each["source"]) for each in spec["sideInputs"]] == [
        ("model", volume("2026/models/net.bin"))
    ]
    assert spec["arguments"] == ["--model", "$(sideInputs.model)", "--out", "$(output)/more"]
    assert spec["environment"] == {"image": "registry/scores:1", "requirements": ["pillow"]}
    assert (spec["miniBatchSize"], spec["nodeCount"]) == (5, 2)
    assert spec["sourceDirectory"] == {"configMap": {"name": f"{name}-code"}}
    wrote = spec["output"]["source"]
    assert wrote == volume(f"2026/azureml/{job.name}/batch-score/rows")
    second_job = finish(verbs, job.run.get_steps()[1])
    spec = second_job["spec"]
    (entry,) = spec["inputs"]
    assert (entry["source"], entry["glob"]) == (wrote, "parallel_run_step.txt")
    assert spec["sideInputs"][0]["source"] == volume(wrote["subPath"] + "/more")
    assert spec["output"]["source"] == volume("2026/final")
    client.jobs.stream(job.name)
    assert job.status == "Completed" and client.jobs.get(job.name) is job


def check_jobs_of_other_programs(v2, client, verbs):
    node = scoring(v2)(data=v2.Input(path=in_store("mnist/*.png")), model=v2.Input(path=in_store("m")))
    job = client.jobs.create_or_update(node, experiment_name="digits")
    (entry,) = job_of(verbs, job.run.get_steps()[0])["spec"]["inputs"]
    assert (entry["source"], entry["glob"]) == (volume("2026/mnist"), "*.png")
    other = v2.MLClient(namespace=client.workspace_name, kubeconfig=client.workspace.cluster.kubeconfig)
    (found,) = other.jobs.list()
    assert (found.name, found.status, found.experiment_name) == (job.name, "Queued", "digits")
    assert [each.name for each in client.jobs.list()] == [job.name]
    with pytest.raises(ValueError, match="there is no job 'x'"):
        other.jobs.get("x")
    finish(verbs, job.run.get_steps()[0], state="Failed", reason="ErrorThresholdExceeded", message="too many")
    with pytest.raises(RuntimeError, match="is Failed: too many"):
        other.jobs.stream(job.name)
    with pytest.raises(RuntimeError, match="is Failed: too many"):
        client.jobs.stream(job.name)
    assert other.jobs.get(job.name).status == job.status == "Failed"

    job = client.jobs.create_or_update(scoring(v2)(data=in_store("b"), model=in_store("m")))
    name = job_of(verbs, job.run.get_steps()[0])["metadata"]["name"]
    other.jobs.cancel(job.name)
    wait_for(lambda: "spec" not in verbs.world.jobs.get(name), "it is gone")


def check_rows_are_downloaded(v2, client, verbs, tmp_path):
    folder = tmp_path / "job"
    subprocess.run([PROGRAM, "init", folder, "--name", "digits"], check=True, capture_output=True)
    (folder / "score.py").write_text(SCRIPT)
    (folder / "data").mkdir()
    (folder / "data" / "1.txt").write_text("x")
    subprocess.run([PROGRAM, "run", folder / "job.yaml", "--quiet"], check=True, timeout=PATIENCE)
    rows = (folder / "output" / "parallel_run_step.txt").read_bytes()
    job = client.jobs.create_or_update(scoring(v2)(data=in_store("a"), model=in_store("m")))
    written = finish(verbs, job.run.get_steps()[0])["spec"]["output"]["source"]["subPath"]
    client.jobs.stream(job.name)
    there = tmp_path / "volume" / written
    there.parent.mkdir(parents=True)
    (folder / "output").rename(there)
    other = v2.MLClient(namespace=client.workspace_name, kubeconfig=client.workspace.cluster.kubeconfig)
    with LogKubelet(verbs.world.server.folder, client.workspace_name, tmp_path, tmp_path / "volume"):
        for number in range(2):  # the second download replaces the file
            client.jobs.download(job.name, download_path=tmp_path / "copy", output_name="rows")
            assert (tmp_path / "copy" / "parallel_run_step.txt").read_bytes() == rows, number
        other.jobs.download(job.name, download_path=tmp_path / "theirs")
        assert (tmp_path / "theirs" / "parallel_run_step.txt").read_bytes() == rows
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")
    with pytest.raises(NotImplementedError, match="'more' .* only the script knows, .*kubectl cp"):
        client.jobs.download(job.name, download_path=tmp_path, output_name="more")
    with pytest.raises(NotImplementedError, match="without output_name"):
        other.jobs.download(job.name, download_path=tmp_path, output_name="rows")


def check_data_assets(v2, client, verbs):
    data = client.data
    first = data.create_or_update(v2.Data(name="mnist", path=in_store("a"), tags={"by": "us"}))
    assert data.create_or_update(v2.Data(name="mnist", path=in_store("a"))).version == first.version == "1"
    with pytest.warns(UserWarning, match="version 7 of the data 'mnist': not used; .* this one is 2"):
        second = data.create_or_update(v2.Data(name="mnist", path=in_store("b"), version=7))
    assert (second.version, data.get("mnist").version, data.get("mnist", 1).id) == (
        "2",
        "2",
        "azureml:mnist:1",
    )
    assert data.get("mnist", label="latest").version == "2"
    written = Datasets(verbs.world.server, client.workspace_name).get("mnist")["spec"]
    assert [each["source"] for each in written["versions"]] == [volume("2026/a"), volume("2026/b")]
    table = v2.Dataset.Tabular.from_delimited_files((client.workspace.get_default_datastore(), "t.csv"))
    table.register(client.workspace, "table")
    assert {each.name: each.type for each in data.list()} == {"mnist": "uri_folder", "table": "mltable"}
    # What a table is, the dataset says.
    task = v2.RunFunction(code="src", entry_script="score.py", append_row_to="${{outputs.rows}}")
    tabular = v2.parallel_run_function(
        name="tabular",
        inputs={"data": v2.Input(type="mltable")},
        outputs={"rows": v2.Output(type="uri_file")},
        input_data="${{inputs.data}}",
        mini_batch_size="10kb",
        task=task,
    )
    job = client.jobs.create_or_update(tabular(data=v2.Input(type="mltable", path="azureml:table@latest")))
    assert job_of(verbs, job.run.get_steps()[0])["spec"]["inputs"] == [
        {"name": "data", "type": "tabular", "source": {"dataset": {"name": "table", "version": 1}}}
    ]


def check_what_has_no_meaning_there(v2, client, tmp_path):
    (tmp_path / "images").mkdir()
    table = v2.parallel_run_function(
        name="tabular",
        inputs={"data": v2.Input(type="mltable")},
        input_data="${{inputs.data}}",
        task=v2.RunFunction(code="src", entry_script="score.py"),
    )
    for act, said in (
        (lambda: client.jobs.create_or_update(scoring(v2)(data="images", model="m")), "'data' of batch-score lies in .*this machine"),
        (lambda: client.jobs.create_or_update(table(data=in_store("t"))), "MLTable .* azureml:NAME:1"),
        (lambda: client.jobs.create_or_update(scoring(v2)(data="azureml:none:1", model="m")), "no dataset 'none'"),
        (lambda: client.data.create_or_update(v2.Data(name="x", path="images")), "folder of this machine"),
        (lambda: client.data.create_or_update(v2.Data(name="x", path="https://a.blob.core.windows.net/c")), "azureml://datastores/NAME"),
        (lambda: client.data.create_or_update(v2.Data(name="x", path=in_store("t"), type="mltable")), "from_delimited_files"),
        (lambda: client.data.create_or_update(v2.Data(path="x")), "name and path are needed"),
        (lambda: client.data.get("x", label="new"), "one label only: latest"),
        (lambda: client.data.archive("x"), "kubectl delete parallelrundataset x"),
    ):  # fmt: skip
        with pytest.raises((ValueError, NotImplementedError), match=said):
            act()
    node = scoring(v2)(data=in_store("a"), model=in_store("m"))
    node.outputs.rows.path = "here"
    with pytest.raises(ValueError, match="'rows' has the path here, .* name a volume of it"):
        client.jobs.create_or_update(node)


def check_a_client_by_config(v2, client, tmp_path):
    client.workspace.write_config()
    with pytest.warns(UserWarning, match="the kubeconfig says as whom"):
        opened = v2.MLClient.from_config(object())
    assert opened.workspace_name == client.workspace_name
    assert opened.workspace.get_default_datastore().name == "photos"
