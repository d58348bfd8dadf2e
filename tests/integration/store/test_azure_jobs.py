"""Jobs whose inputs lie in Azure Blob Storage behind a service principal: Azurite with OAuth over TLS."""

import itertools
import json
import subprocess

import pytest
from authority import Authority
from azure_server import ACCOUNT, ACCOUNT_KEY, Container, azure_server, why_not
from checkout import PROGRAM
from store_job import StoreJob
from token_server import CLIENT, TENANT, TokenServer

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is there")

SECRET = "Q8s~of.the-service_principal~0000"
SCRIPT = """
    import os
    def init():
        pass
    def run(mini_batch):
        return [os.path.basename(path) + " " + open(path).read() for path in mini_batch]
"""

_numbers = itertools.count()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("azure")
    return Authority(folder / "authority").issue(folder / "tls", "server", "DNS:localhost,IP:127.0.0.1")


@pytest.fixture(scope="session")
def azure(tmp_path_factory, certificates):
    with azure_server(tmp_path_factory.mktemp("azurite"), certificates) as port:
        yield port


class AzureJob(StoreJob):
    def __init__(self, root, container, tokens, certificates):
        super().__init__(root)
        self.container = container
        self.tokens = tokens
        (self.root / "ca.pem").write_bytes((certificates / "ca.crt").read_bytes())
        self.blob = {
            "account": ACCOUNT,
            "container": container.name,
            "prefix": "mnist/test",
            "endpoint": container.endpoint,
            "authority": f"https://{tokens.address}",
            "caCertificate": "ca.pem",
            "credentials": {"secretName": "sp"},
        }
        self.spec["inputs"] = [{"name": "images", "type": "file", "source": {"azureBlob": self.blob}}]
        self.script(SCRIPT)

    def objects(self, count):
        for number in range(count):
            self.container.put(f"mnist/test/{number:03}.txt", f"n{number}")
        return self

    def principal(self, **other):
        keys = {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": SECRET, **other}
        return self.credentials("".join(f"{key}: {value}\n" for key, value in keys.items()), "sp")


@pytest.fixture
def job(tmp_path, azure, certificates):
    with TokenServer(certificates / "tls.crt", certificates / "tls.key", SECRET) as tokens:
        yield AzureJob(
            tmp_path, Container(azure, certificates, f"data-{next(_numbers)}"), tokens, certificates
        )


def rows(count):
    return [f"{number:03}.txt n{number}" for number in range(count)]


def test_behind_a_service_principal(job):
    job.objects(25).set(miniBatchSize=4, processCountPerNode=2)
    job.container.put("labels/l.txt", "label")
    side = {"azureBlob": {**job.blob, "prefix": "labels"}}
    job.set(sideInputs=[{"name": "labels", "source": side}])
    job.run("--credentials", job.principal()).expect(0)
    assert sorted(job.rows()) == rows(25)
    assert job.tokens.given > 0
    assert job.left_in_cache() == []
    found = subprocess.run(
        ["grep", "-rlF", SECRET, str(job.root)], capture_output=True, text=True, check=False
    )
    assert [name for name in found.stdout.split() if not name.endswith("sp.yaml")] == []


def test_output_behind_a_service_principal(job):
    """Beside the input, with tokens that live for a few seconds."""
    job.tokens.lifetime = 3
    job.objects(12).set(miniBatchSize=1)
    job.script(SCRIPT.replace("return", "import time; time.sleep(0.4); return", 1))
    job.spec["output"] = {"source": {"azureBlob": {**job.blob, "prefix": "results/day 1"}}, "order": "input"}
    job.run("--credentials", job.principal()).expect(0)
    text = job.container.get("results/day 1/parallel_run_step.txt").decode()
    assert text.split("\n") == [*rows(12), ""]
    assert job.container.get("results/day 1/_SUCCESS") == b""
    assert job.tokens.given > 1
    again = job.run("--credentials", job.principal()).expect(0)
    assert "already has the complete results of this job: 12 mini-batches, nothing to do" in again.words


def test_tables_behind_a_service_principal(job):
    """A slice of a table is a range of its object, under the condition of its etag."""
    for part in range(3):
        lines = "".join(f"{part},{n},text {n}\n" for n in range(3_000))
        job.container.put(f"mnist/test/day={part}/t.csv", "part,n,text\n" + lines)
    job.spec["inputs"][0].update(type="tabular", format="csv", columns={"day": "int64"})
    job.script(
        "def init(): pass\ndef run(rows): return rows.day * 1_000_000 + rows.part * 100_000 + rows.n\n"
    )
    job.set(miniBatchSize="10KB", processCountPerNode=2)
    job.run("--credentials", job.principal()).expect(0)
    assert sorted(map(int, job.rows())) == [day * 1_100_000 + n for day in range(3) for n in range(3_000)]


def test_a_registered_dataset_behind_a_service_principal(job):
    """Paths of the file are meant from it; the Secret's name, or the input's, stands for the credentials."""
    version = {"version": 1, "source": {"azureBlob": job.blob}, "glob": "00*.txt"}
    dataset = {
        "apiVersion": "parallelrun.dev/v1alpha1",
        "kind": "ParallelRunDataset",
        "metadata": {"name": "mnist"},
        "spec": {"type": "file", "versions": [version]},
    }
    (job.root / "mnist.json").write_text(json.dumps(dataset))
    sets = job.root / "sets"
    command = [PROGRAM, "datasets", "register", job.root / "mnist.json", "--datasets", sets]
    subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL)
    job.objects(12).spec["inputs"] = [{"name": "images", "source": {"dataset": {"name": "mnist"}}}]
    done = job.run("--datasets", str(sets), "--credentials", job.principal()).expect(0)
    assert sorted(job.rows()) == rows(10)
    assert "inputs.images: dataset 'mnist', version 1 (azureBlob://" in done.words
    assert SECRET not in (sets / "mnist.yaml").read_text() + done.words


def test_an_empty_folder_is_no_item(job):
    job.objects(2)
    job.container.put("mnist/test/none/", b"")
    job.container.put("mnist/test/empty.txt", b"")
    job.run("--credentials", job.principal()).expect(0)
    assert sorted(job.rows()) == [*rows(2), "empty.txt "]


def test_tokens_that_expire_are_renewed(job):
    """Tokens live for a few seconds; the job takes longer."""
    job.tokens.lifetime = 3
    job.objects(12).script(SCRIPT.replace("return", "import time; time.sleep(0.5); return", 1)).set(
        miniBatchSize=1
    )
    job.script(
        """
        import os, time
        def init():
            pass
        def run(mini_batch):
            time.sleep(0.6)
            return [os.path.basename(path) + " " + open(path).read() for path in mini_batch]
        """
    )
    job.run("--credentials", job.principal()).expect(0)
    assert sorted(job.rows()) == rows(12)
    assert job.tokens.given >= 2


def test_a_token_endpoint_that_is_busy(job):
    job.objects(3)
    job.tokens.faults = 2
    job.run("--credentials", job.principal()).expect(0)
    assert sorted(job.rows()) == rows(3)


def test_with_the_account_key(job):
    job.objects(3)
    job.run("--credentials", job.credentials(f"accountKey: {ACCOUNT_KEY}\n", "sp")).expect(0)
    assert sorted(job.rows()) == rows(3)


def test_with_the_environment(job):
    job.objects(3)
    variables = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_SECRET": SECRET}
    outcome = job.run(env=job.environment(**variables)).expect(0)
    assert sorted(job.rows()) == rows(3)
    assert "the script does not get AZURE_CLIENT_SECRET" in outcome.stderr


def test_a_blob_that_changed(job):
    job.objects(6).script(
        """
        import os, time
        def init():
            pass
        def run(mini_batch):
            open(os.environ["FLAG"], "w").close()
            while not os.path.exists(os.environ["GO"]):
                time.sleep(0.02)
            return [os.path.basename(path) for path in mini_batch]
        """
    ).set(miniBatchSize=1)
    from waiting import wait_for

    flag, go = job.root / "flag", job.root / "go"
    running = job.start("--credentials", job.principal(), env=job.environment(FLAG=str(flag), GO=str(go)))
    wait_for(flag.exists, "the first mini-batch")
    job.container.put("mnist/test/005.txt", "other")
    go.touch()
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    (item,) = job.failed_items()
    assert "005.txt has changed since it was planned" in json.dumps(item)


@pytest.mark.parametrize(
    "keys, blob, words",
    [
        ({"clientSecret": "wrong"}, {}, "refuses the credentials: invalid_client: AADSTS7000215"),
        ({"clientId": "wrong"}, {}, "refuses the credentials: unauthorized_client: AADSTS700016"),
        (
            {"tenantId": "wrong"},
            {},
            "refuses the credentials: invalid_request: AADSTS90002: Tenant 'wrong' not found",
        ),
        ({}, {"container": "nowhere"}, f"there is no container 'nowhere' in the account '{ACCOUNT}'"),
        (
            {},
            {"caCertificate": None},
            "its certificate is not accepted (UnknownIssuer); name its authority with caCertificate",
        ),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(job, keys, blob, words):
    job.objects(1)
    job.blob.update(blob)
    outcome = job.run("--credentials", job.principal(**keys))
    assert outcome.code == 2, outcome.words
    lines = outcome.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("parallelrun: input 'images': azureBlob://"), (
        outcome.stderr
    )
    assert words in lines[0]
    assert SECRET not in outcome.stderr
    assert not (job.out / "logs").exists()


@pytest.mark.parametrize(
    "text, words",
    [
        (
            "sasToken: sv=2021-08-06&se=2020-01-02T00%3A00%3A00Z&sr=c&sp=rl&sig=abcdefghijklmn%3D\n",
            "expired at 2020-01-02T00:00:00Z",
        ),
        (
            "sasToken: sv=2021-08-06&se=2120-01-02T00%3A00%3A00Z&sr=c&sp=rl&sig=abcdefghijklmn%3D\n",
            "refuses the credentials",
        ),
        ("accountKey: " + "QUJD" * 20 + "\n", "refuses the credentials"),
        ("accountKey: nonsense!\n", "Invalid Access Key"),
        (f"tenantId: {TENANT}\nclientId: {CLIENT}\n", "lacks clientSecret"),
    ],
)
def test_other_keys_that_are_wrong(job, text, words):
    job.objects(1)
    outcome = job.run("--credentials", job.credentials(text, "sp"))
    assert outcome.code == 2, outcome.words
    assert words in outcome.stderr
    assert "abcdefghijklmn" not in outcome.words
    assert len(outcome.stderr.splitlines()) == 1, outcome.stderr
