"""Azure's classes over a workspace that is a namespace, against a real API server. Nobody runs the jobs: their status is
written by the tests, and their output is that of a job of this machine."""

import base64
import json
import re
import subprocess
from importlib import import_module

import pytest
import sdk_jobs
from calls import JOB_STATUS, ended
from checkout import PROGRAM, REPOSITORY
from log_kubelet import LogKubelet
from sdk_jobs import names_of, volume
from server import APISERVER, Datasets
from waiting import PATIENCE, wait_for

SNIPPETS = REPOSITORY / "tests" / "sdk" / "snippets"
SCRIPT = "from azureml.core import Model\n\ndef init():\n    Model.get_model_path('mnist')\n\ndef run(batch):\n    return batch\n"


@pytest.fixture
def azureml(parallelrun, recwarn):
    """All names that the programs import, in one place. What has no effect is said by warnings, which tests may read."""
    paths = ("core", "core.authentication", "core.runconfig", "data", "pipeline.core", "pipeline.steps")
    return names_of(*(f"azureml.{path}" for path in paths))


@pytest.fixture
def ws(azureml, verbs, tmp_path, monkeypatch):
    """The namespace of the test, with a volume as its datastore, beside a folder with a script."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "score.py").write_text(SCRIPT)
    ws = azureml.Workspace.from_namespace(verbs.world.namespace, kubeconfig=verbs.environment["KUBECONFIG"])
    azureml.Datastore.register_claim(ws, "photos", "data", "2026")
    yield ws
    for plural in ("secrets", "configmaps"):
        verbs.world.server.request("DELETE", verbs.world.path(plural))
    datasets = Datasets(verbs.world.server, verbs.world.namespace)
    verbs.world.server.request("DELETE", datasets.path())


def step(azureml, ws, **changed):
    settings = changed.pop("settings", {})
    given = {
        "name": "score",
        "parallel_run_config": azureml.ParallelRunConfig(
            source_directory="src", entry_script="score.py", node_count=2, **settings
        ),
        "inputs": [
            azureml.Dataset.File.from_files((ws.get_default_datastore(), "mnist/*.png")).as_named_input(
                "images"
            )
        ],
        **changed,
    }
    return azureml.ParallelRunStep(**given)


def submit(azureml, ws, *steps, **parameters):
    return azureml.Experiment(ws, "digits").submit(azureml.Pipeline(ws, list(steps)), parameters)


def job_of(verbs, run, name):
    return sdk_jobs.job_of(verbs, run.find_step_run(name)[0])


def finish(verbs, run, name, **status):
    return sdk_jobs.finish(verbs, run.find_step_run(name)[0], **status)


def check_the_snippet_of_the_step(azureml, ws, verbs):
    """parallel_run_step and side inputs: the program of one machine, with one word changed."""
    store = ws.get_default_datastore()
    azureml.Model.register(ws, (store, "models/mnist"), "mnist")
    labels = azureml.Dataset.File.from_files((store, "labels/labels.csv")).register(ws, "labels")
    label_config = labels.as_named_input("labels_input").as_mount("/tmp/labels")
    images = azureml.Dataset.File.from_files((store, "mnist/*.png"))
    with pytest.warns(UserWarning, match="'mnist_sample_data': it is 'mnist-sample-data' in the cluster"):
        images = images.register(ws, "mnist_sample_data", create_new_version=True)
    environment = azureml.Environment("batch")
    environment.docker.base_image = "registry/scores:1"
    environment.python.conda_dependencies.add_pip_package("pillow")
    environment.register(ws)
    assert list(ws.environments) == ["batch"] and list(ws.models) == ["mnist"]
    assert set(ws.datasets) == {"labels", "mnist-sample-data"}
    names = {
        "parallel_run_config": azureml.ParallelRunConfig(
            source_directory="src",
            entry_script="score.py",
            mini_batch_size=azureml.PipelineParameter("size", "5"),
            error_threshold=10,
            output_action="append_row",
            compute_target=azureml.ComputeTarget(ws, "cpu-cluster"),
            environment=azureml.Environment.get(ws, "batch"),
            node_count=2,
        ),
        "input_mnist_ds_consumption": images.as_named_input("mnist"),
        "output_dir": azureml.OutputFileDatasetConfig(name="inferences"),
    }
    text = (SNIPPETS / "parallel_run_step.txt").read_text()
    exec(re.sub(r"^from azureml", "from parallelrun.azureml", text, flags=re.MULTILINE), names)
    one = names["parallelrun_step"]
    one.side_inputs, one.arguments = [label_config], ["--labels_dir", label_config]
    run = submit(azureml, ws, one, size=7)
    made = job_of(verbs, run, "predict-digits-mnist")
    spec, name = made["spec"], made["metadata"]["name"]
    assert re.fullmatch(r"predict-digits-mnist-[0-9a-f]{6}-1", name)
    dataset = {"dataset": {"name": "mnist-sample-data", "version": 1}}
    assert spec["inputs"] == [{"name": "mnist", "type": "file", "source": dataset}]
    assert [(each["name"], each["source"]) for each in spec["sideInputs"]] == [
        ("labels_input", {"dataset": {"name": "labels", "version": 1}}),
        ("mnist", {"dataset": {"name": "mnist.model", "version": 1}}),
    ]
    assert spec["sideInputs"][0]["mountPath"] == "/tmp/labels"
    assert spec["arguments"] == ["--labels_dir", "$(sideInputs.labels_input)"]
    assert (spec["miniBatchSize"], spec["nodeCount"], spec["errorThreshold"]) == (7, 2, 10)
    assert spec["environment"] == {"image": "registry/scores:1", "requirements": ["pillow"]}
    assert spec["sourceDirectory"] == {"configMap": {"name": f"{name}-code"}}
    folder = f"azureml/{run.id}/predict-digits-mnist/inferences"
    assert spec["output"]["source"] == volume(f"2026/{folder}")
    written = Datasets(verbs.world.server, ws.name).get("labels")["spec"]["versions"]
    assert written[0]["source"] == volume("2026/labels") and written[0]["glob"] == "labels.csv"

    (step_run,) = run.get_steps()
    wait_for(lambda: step_run.get_status() == "Queued", lambda: step_run)
    verbs.write(name, JOB_STATUS)
    wait_for(lambda: step_run.get_status() == "Running", lambda: step_run)
    assert azureml.Experiment(ws, "digits").get_runs()[0]["status"] == "Running"
    verbs.write(name, {**ended(), "reuse": {"from": "yesterdays"}})
    assert run.wait_for_completion(show_output=False) == "Finished"
    assert step_run.reused and step_run.job.reused_from == "yesterdays"
    (record,) = azureml.Experiment(ws, "digits").get_runs()
    assert (record["id"], record["status"], record["parameters"]) == (run.id, "Finished", {"size": "7"})
    assert record["steps"][0]["job"] == name and azureml.Experiment(ws, "others").get_runs() == []
    assert step_run.get_output_data("inferences").path_on_datastore == folder

    # A run with another value takes over the results that are still good.
    again = run.resubmit({"size": "10"})
    second = finish(verbs, again, "predict-digits-mnist")
    assert (second["spec"]["resubmissionOf"], second["spec"]["miniBatchSize"]) == (name, 10)
    assert again.wait_for_completion(show_output=False) == "Finished"
    assert not again.get_steps()[0].reused
    assert [each["id"] for each in azureml.Experiment(ws, "digits").get_runs()] == [again.id, run.id]


def check_versions_of_datasets_and_models(azureml, ws, verbs):
    store = ws.get_default_datastore()

    def dataset(path, **settings):
        return azureml.Dataset.File.from_files((store, path), **settings)

    assert dataset("mnist/1").register(ws, "mnist").version == 1
    assert dataset("mnist/1").register(ws, "mnist").version == 1
    with pytest.raises(
        ValueError, match="'mnist' is there with other content, version 1; .*create_new_version"
    ):
        dataset("mnist/2").register(ws, "mnist")
    second = dataset("mnist/2").register(ws, "mnist", "cleaned", {"by": "us"}, create_new_version=True)
    assert (second.version, second.description) == (2, "cleaned")
    assert azureml.Dataset.get_by_name(ws, "mnist", 1).parts == [{"source": volume("2026/mnist/1")}]
    assert azureml.Dataset.get_by_name(ws, "mnist").version == 2
    with pytest.raises(ValueError, match="'mnist' has no version 3; it has: 1, 2"):
        azureml.Dataset.get_by_name(ws, "mnist", 3)
    with pytest.raises(ValueError, match="there is no dataset 'mnits'; did you mean 'mnist'"):
        azureml.Dataset.get_by_name(ws, "mnits")
    table = azureml.Dataset.Tabular.from_delimited_files((store, ["a.csv", "b.csv"]), separator=";")
    with pytest.raises(ValueError, match="has the type file, and all its versions have"):
        table.register(ws, "mnist", create_new_version=True)
    table.register(ws, "mnist.table")
    there = Datasets(verbs.world.server, ws.name).get("mnist.table")["spec"]
    assert there["type"] == "tabular" and there["versions"][0]["glob"] == "{a.csv,b.csv}"
    assert there["versions"][0]["source"] == volume("2026") and there["versions"][0]["delimiter"] == ";"
    # Two names that are one in the cluster are not mixed; the cluster's own name is right.
    dataset("x").register(ws, "Some Data")
    with pytest.raises(
        ValueError, match="'some_data' is the object 'some-data' .* registered as 'Some Data'"
    ):
        dataset("x").register(ws, "some_data")
    assert dataset("x").register(ws, "some-data").version == 1
    # As others see it, and what they register.
    assert "mnist" in verbs("datasets", "list").stdout
    verbs("datasets", "register", "mnist", "--claim", "data/2026/mnist/3")
    assert dataset("mnist/3").register(ws, "mnist").version == 3

    first = azureml.Model.register(ws, (store, "models/1"), "net")
    assert azureml.Model.register(ws, (store, "models/2"), "net", tags={"a": "b"}).version == 2
    assert azureml.Model.register(ws, (store, "models/1"), "net").version == 1
    assert [(each.name, each.version) for each in azureml.Model.list(ws)] == [("net", 1), ("net", 2)]
    assert ws.models["net"].tags == {"a": "b"} and azureml.Model(ws, "net", 1).source == first.source
    assert set(ws.datasets) == {"mnist", "mnist.table", "some-data"}
    with pytest.raises(ValueError, match="there is no model 'nett'; did you mean 'net'"):
        azureml.Model(ws, "nett")


def check_others_write_too(azureml, ws):
    """Nobody's datastore is lost, though all stand in one object."""
    seen = []

    def add(known):
        if not seen:
            azureml.Datastore.register_claim(ws, "theirs", "data", "theirs")
        seen.append(sorted(known["places"]))
        known["places"]["ours"] = volume("ours")
        return known

    ws.papers.change("datastores", add)
    assert seen == [["photos"], ["photos", "theirs"]]
    assert set(ws.datastores) == {"photos", "theirs", "ours"}


def check_a_service_principal_becomes_a_secret(azureml, ws, verbs):
    """The snippet of the page. The password is in the Secret, and in nothing else of the namespace."""
    names = {
        **vars(import_module("parallelrun.azureml.core")),
        "ServicePrincipalAuthentication": azureml.ServicePrincipalAuthentication,
    }
    text = (SNIPPETS / "service_principal.txt").read_text()
    text = text.replace('service_principal_password="***"', 'service_principal_password="top secret"')
    text = text.replace('tenant_id="***"', 'tenant_id="tenant"')
    text = text.replace("auth=service_principal", "auth=service_principal, **place")
    text = text.replace("**path***", "mnist/*.png").replace("***dataset-name***", "digits")
    names["place"] = {"namespace": ws.name, "kubeconfig": ws.cluster.kubeconfig}
    opened = azureml.Workspace(
        auth=azureml.ServicePrincipalAuthentication("tenant", "client", "top secret"), **names["place"]
    )
    azureml.Datastore.register_azure_blob_container(opened, "images", "container", "account")
    opened.set_default_datastore("images")
    exec(text, names)
    secret = verbs.world.server.request(
        "GET", verbs.world.path("secrets", "parallelrun-datastore-images")
    ).body
    kept = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert kept == {"tenantId": "tenant", "clientId": "client", "clientSecret": "top secret"}
    assert "secret" not in repr(vars(names["service_principal"]))
    registered = names["registered_ds"]
    blob = {"account": "account", "container": "container", "prefix": "mnist"}
    blob["credentials"] = {"secretName": "parallelrun-datastore-images"}
    assert registered.parts == [{"source": {"azureBlob": blob}, "glob": "*.png"}]

    # An output lies on a volume or in a store, and in no database.
    one = step(azureml, ws, inputs=[registered.as_named_input("images")])
    database = azureml.Datastore.register_source(ws, "db", {"sql": {"credentials": {"secretName": "db"}}})
    one.output.destination = database
    with pytest.raises(ValueError, match="'db' .sql., but must lie on a volume or in a store"):
        submit(azureml, ws, one)
    one.output.destination = (azureml.Datastore(ws, "images"), "out/{output-name}")
    run = submit(azureml, ws, one)
    stored = job_of(verbs, run, "score")["spec"]["output"]["source"]
    assert stored == {"azureBlob": {**blob, "prefix": f"out/{one.output.name}"}}
    run.cancel()
    one.output.destination = (azureml.Datastore(ws, "photos"), "out/{run-id}")
    run = submit(azureml, ws, one)
    job = job_of(verbs, run, "score")
    assert job["spec"]["inputs"][0]["source"] == {"dataset": {"name": "digits", "version": 1}}
    run.cancel()
    assert run.get_status() == "Canceled" and verbs.world.jobs.get(job["metadata"]["name"])["code"] == 404
    everything = [job, *verbs.world.items("configmaps"), Datasets(verbs.world.server, ws.name).get("digits")]
    assert "top secret" not in json.dumps(everything)

    # Other keys take the place of these; a Secret of somebody else is named, and not changed.
    azureml.Datastore.register_azure_blob_container(opened, "images", "container", "account", account_key="k")
    secret = verbs.world.server.request(
        "GET", verbs.world.path("secrets", "parallelrun-datastore-images")
    ).body
    assert list(secret["data"]) == ["accountKey"]
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "parallelrun-datastore-other"}}
    assert verbs.world.server.request("POST", verbs.world.path("secrets"), theirs).accepted
    with pytest.raises(ValueError, match="which this program has not made; name a Secret .*secret_name="):
        azureml.Datastore.register_azure_blob_container(ws, "other", "c", "a", sas_token="s")
    named = azureml.Datastore.register_azure_blob_container(ws, "other", "c", "a", secret_name="sp")
    assert named.place["azureBlob"]["credentials"] == {"secretName": "sp"}
    gen2 = azureml.Datastore.register_azure_data_lake_gen2(ws, "lake", "f", "a", "t", "i", "s")
    secret = verbs.world.server.request("GET", verbs.world.path("secrets", "parallelrun-datastore-lake")).body
    assert set(secret["data"]) == {"tenantId", "clientId", "clientSecret"} and "azureBlob" in gen2.place


def check_steps_in_a_row_and_what_they_write(azureml, ws, verbs, tmp_path):
    """The second step reads what the first one wrote; rows and metrics come through a pod."""
    output = run_here(tmp_path)
    first = step(azureml, ws, name="first", output=azureml.OutputFileDatasetConfig("rows"))
    first.output.register_on_complete("rows-of-first")
    second = step(azureml, ws, name="second", inputs=[first.output.as_input("rows")])
    run = submit(azureml, ws, second, first)
    finish(verbs, run, "first")
    made = job_of(verbs, run, "second")["spec"]
    written = volume(f"2026/azureml/{run.id}/first/rows")
    assert made["inputs"] == [
        {"name": "rows", "type": "file", "source": written, "glob": "parallel_run_step.txt"}
    ]
    assert azureml.Dataset.get_by_name(ws, "rows-of-first").parts == [
        {"source": written, "glob": "parallel_run_step.txt"}
    ]
    finish(verbs, run, "second", state="Failed", reason="ErrorThresholdExceeded", message="too many")
    with pytest.raises(RuntimeError, match="is Failed: too many"):
        run.wait_for_completion(show_output=False)
    assert run.get_status() == "Failed"
    there = tmp_path / "volume" / written["subPath"]
    there.parent.mkdir(parents=True)
    output = output.rename(there)
    with LogKubelet(verbs.world.server.folder, ws.name, tmp_path, tmp_path / "volume"):
        (step_run,) = run.find_step_run("first")
        data = step_run.get_output_data("rows")
        assert data.download(tmp_path / "here") == 1 and data.download(tmp_path / "here") == 0
        copy = tmp_path / "here" / data.path_on_datastore / "parallel_run_step.txt"
        assert copy.read_bytes() == (output / "parallel_run_step.txt").read_bytes()
        assert len(step_run.job.results()) == 3
        assert step_run.get_metrics() == {"files": 3}
        wait_for(lambda: not verbs.world.items("pods"), "no pod is left")


def run_here(tmp_path):
    """The output directory of a job of three files, whose script logs a metric."""
    folder = tmp_path / "job"
    subprocess.run([PROGRAM, "init", folder, "--name", "digits"], check=True, capture_output=True)
    (folder / "score.py").write_text(
        "from azureml.core import Run\n\ndef init(): pass\n\ndef run(batch):\n"
        "    Run.get_context().log('files', len(batch))\n    return batch\n"
    )
    (folder / "data").mkdir()
    for number in range(3):
        (folder / "data" / f"{number}.txt").write_text("x")
    words = [PROGRAM, "run", folder / "job.yaml", "--quiet", "--set", "miniBatchSize=3"]
    subprocess.run(words, check=True, timeout=PATIENCE)
    return folder / "output"


def check_what_has_no_meaning_there(azureml, ws, tmp_path):
    store = ws.get_default_datastore()
    (tmp_path / "images").mkdir()
    here = azureml.Dataset.File.from_files("images")
    for act, said in (
        (
            lambda: here.register(ws, "x"),
            "folder of this machine, where pods of namespace .* \\(datastore, path\\)",
        ),
        (lambda: store.upload("images", "x"), "copies nothing .* kubectl cp"),
        (lambda: store.download("x"), "get_output_data"),
        (lambda: azureml.Model.register(ws, "images", "m"), "see no folder of this machine"),
        (lambda: azureml.Datastore.register_folder(ws, "x", "images"), "Datastore.register_claim"),
        (lambda: azureml.Datastore(ws, "photo"), "did you mean 'photos'"),
        (lambda: azureml.Environment("a b").register(ws), "letters, digits, '-', '_' and '.' only"),
        (
            lambda: azureml.Dataset.Tabular.from_sql_query((store, "select 1")),
            "is persistentVolumeClaim data/2026, and no database",
        ),
        (
            lambda: azureml.Dataset.Tabular.from_sql_query("select 1").register(ws, "x"),
            "does not know of which database",
        ),
    ):
        with pytest.raises((ValueError, NotImplementedError), match=said):
            act()
    run = submit(azureml, ws, step(azureml, ws, inputs=[here.as_named_input("images")]))
    with pytest.raises(ValueError, match="'images' of the step 'score' lies in .*a folder of this machine"):
        run.wait_for_completion(show_output=False)
    folder = azureml.Workspace(folder=tmp_path / "ws")
    of_cluster = azureml.Dataset.File.from_files((store, "mnist"))
    run = submit(azureml, folder, step(azureml, ws, inputs=[of_cluster.as_named_input("images")]))
    with pytest.raises(ValueError, match="of a cluster, and the workspace is a folder of this machine"):
        run.wait_for_completion(show_output=False)


def check_no_rights(azureml, ws, verbs):
    made = subprocess.run(
        [APISERVER, "user", "eve", "--dir", verbs.world.server.folder],
        check=True,
        capture_output=True,
        text=True,
    )
    theirs = azureml.Workspace(namespace=ws.name, kubeconfig=made.stdout.strip())
    with pytest.raises(RuntimeError, match="no right to get configmaps in the namespace"):
        theirs.get_default_datastore()
    with pytest.raises(RuntimeError, match="no right to get secrets in the namespace"):
        azureml.Datastore.register_azure_blob_container(theirs, "x", "c", "a", account_key="k")
    with pytest.raises(RuntimeError, match="no right to list parallelrundatasets.parallelrun.dev"):
        azureml.Model(theirs, "mnist")


def check_a_namespace_by_config(azureml, ws, tmp_path, monkeypatch):
    ws.write_config()
    opened = azureml.Workspace.from_config()
    assert (opened.name, opened.cluster.kubeconfig) == (ws.name, ws.cluster.kubeconfig)
    assert list(opened.datastores) == ["photos"] and opened.get_default_datastore().name == "photos"
    empty = azureml.Workspace(namespace="default", kubeconfig=ws.cluster.kubeconfig)
    with pytest.raises(ValueError, match="namespace default has no datastore yet; Datastore.register_claim"):
        empty.get_default_datastore()
    nowhere = azureml.Workspace.from_namespace("x", kubeconfig=tmp_path / "none")
    with pytest.raises(RuntimeError, match="none"):
        nowhere.get_default_datastore()
