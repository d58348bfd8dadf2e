"""A whole job in pods whose input and output lie in Azure Blob Storage, and one in Google Cloud Storage: real servers, and the
container `data` alone has the Secrets. The first orchestrator's pod is killed in the middle, with its folders."""

import json
import shutil
import signal
import subprocess

import pytest
from authority import Authority
from azure_server import ACCOUNT, Container, azure_server, why_not
from s3_server import Bucket
from store_pods import StorePods
from store_proxy import StoreProxy
from token_server import CLIENT, TENANT, TokenServer
from waiting import wait_for

PRINCIPAL = "Q8s~of.the-service_principal~0000"
COUNT = 24
SCRIPT = """
    import os, time
    def init():
        pass
    def run(mini_batch):
        rows = []
        for path in mini_batch:
            while "f000020" in path and not os.path.exists(os.environ["GO"]):
                time.sleep(0.01)
            rows.append(os.path.basename(path) + " " + open(path).read())
        return rows
"""


class InStore(StorePods):
    """`source` gives that of a folder of the store; `keys` are those of its Secret, `read(name)` what an object below
    the output holds."""

    output_in_store = True

    def __init__(self, root, api, namespace, source, keys, put, read):
        super().__init__(root, api, namespace)
        self.keys, self.read = keys, read
        for number in range(COUNT):
            put(f"in/day 1/f{number:06}.txt", f"n{number}")
        self.set(
            inputs=[{"name": "files", "type": "file", "source": source("in/day 1")}],
            output={"source": source("out/day 1"), "order": "input"},
            environment={"variables": {"GO": str(self.root / "go")}},
            miniBatchSize=2,
            nodeCount=1,
            processCountPerNode=2,
        )
        self.script(SCRIPT).apply()

    def head(self, incarnation=0, ended=()):
        pod = self.pod(f"{self.name}-orchestrator-{incarnation}")
        pod.secret("inputs/files", **self.keys).secret("output", **self.keys)
        return self.until_ready(pod, self.start_data(pod)), self.orchestrator(incarnation, ended=ended)

    def its_worker(self):
        pod = self.pod(f"{self.name}-worker-0-0").secret("inputs/files", **self.keys)
        self.until_ready(pod, self.start_data(pod, "--worker"))
        return self.worker()

    def whole_job(self, address, secret):
        first = self.head()
        worker = self.its_worker()
        wait_for(
            lambda: self.progress().get("miniBatchesProcessed", 0) >= 8,
            lambda: "commits:\n" + "\n".join(one.output for one in self.processes),
        )
        for container in first:
            container.signal(signal.SIGKILL)
            container.wait()
        shutil.rmtree(self.pods[f"{self.name}-orchestrator-0"].volumes / "output")
        data, second = self.head(1, ended=[0])
        (self.root / "go").touch()
        second.expect(0)
        worker.expect(0)
        expected = [f"f{number:06}.txt n{number}" for number in range(COUNT)]
        assert self.read("parallel_run_step.txt").decode().split("\n") == [*expected, ""]
        assert self.read("_SUCCESS") == b"" and self.read("failed_items.jsonl") == b""
        assert "Complete" in self.read("logs/job_progress_overview.txt").decode()
        started = [
            line for line in self.read("logs/sys/master_role.txt").decode().split("\n") if "epoch 2" in line
        ]
        assert int(started[0].rsplit("committed before: ", 1)[1].split()[0]) >= 8, started
        assert f"writing {address} with the Secret keys" in data.output
        # Nothing but the folders in place of the Secret has the key.
        for folder in (self.root, *(pod.files for pod in self.pods.values())):
            found = [
                path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
            ]
            assert all("credentials" in str(path) for path in found), found


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "it is there")
def test_azure_behind_a_service_principal(api, tmp_path, tmp_path_factory):
    """With tokens that live for a few seconds, and the certificate of the server in the Secret."""
    folder = tmp_path_factory.mktemp("azure")
    certificates = Authority(folder / "authority").issue(
        folder / "tls", "server", "DNS:localhost,IP:127.0.0.1"
    )
    with (
        azure_server(folder, certificates) as port,
        TokenServer(certificates / "tls.crt", certificates / "tls.key", PRINCIPAL, lifetime=3) as tokens,
    ):
        container = Container(port, certificates, "data")

        def source(prefix):
            body = {"account": ACCOUNT, "container": "data", "prefix": prefix, "endpoint": container.endpoint}
            body |= {"authority": f"https://{tokens.address}", "caCertificate": "ca.pem"}
            return {"azureBlob": body | {"credentials": {"secretName": "keys"}}}

        keys = {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": PRINCIPAL}
        keys["ca.pem"] = (certificates / "ca.crt").read_text()
        pods = InStore(
            tmp_path, api, api.namespace("azure"), source, keys, container.put,
            lambda name: container.get(f"out/day 1/{name}"),
        )  # fmt: skip
        try:
            pods.whole_job(f"azureBlob://{ACCOUNT}/data/out/day 1", PRINCIPAL)
            assert tokens.given > 4
        finally:
            pods.destroy()


def test_gcs_with_the_key_of_a_service_account(api, s3, tmp_path):
    """Over its XML interface, with the condition that Google has for a create."""
    key = tmp_path / "key.pem"
    make = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key)]
    subprocess.run(make, check=True, capture_output=True)
    private_key = key.read_text()
    key.unlink()
    account = {"type": "service_account", "client_email": "writer@project.iam.gserviceaccount.com"}
    account |= {"private_key_id": "1", "private_key": private_key}
    with StoreProxy(s3) as proxy:
        # The client encodes a dash in the name of a bucket, which this server does not decode.
        namespace = api.namespace("gcs")
        bucket = Bucket(s3, namespace.replace("-", ""))

        def source(prefix):
            body = {"bucket": bucket.name, "prefix": prefix, "endpoint": f"http://{proxy.address}"}
            return {"gcs": body | {"credentials": {"secretName": "keys"}}}

        pods = InStore(
            tmp_path, api, namespace, source, {"serviceAccountKey": json.dumps(account)}, bucket.put,
            lambda name: bucket.get(f"out/day 1/{name}"),
        )  # fmt: skip
        try:
            pods.whole_job(f"gcs://{bucket.name}/out/day 1", private_key.split("\n")[3])
        finally:
            pods.destroy()
