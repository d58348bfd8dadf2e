"""A real S3 server (moto) in a namespace of the cluster: the runner image, with the server's packages on the test's volume."""

import io
import json
import shutil
import subprocess
import sys
import tarfile

from kubernetes import PATIENCE, REPOSITORY, RESTRICTED, RESTRICTED_CONTAINER

PORT = 5000
REQUIREMENTS = REPOSITORY / "tests" / "integration" / "store" / "requirements.txt"

# The server asks for a signature, and does not check it.
PUT = (
    """
import http.client, json, sys, time
service, objects = sys.argv[1], json.load(sys.stdin)
# By its whole name: the short one, asked for before the cluster's DNS has it, may be answered by the network outside.
host = service + ".svc.cluster.local."
signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
def put(path, body):
    connection = http.client.HTTPConnection(host, %d, timeout=60)
    headers = {"Host": service.partition(".")[0], "Content-Type": "application/octet-stream", "Authorization": signed}
    connection.request("PUT", path, body, headers)
    answer = connection.getresponse()
    assert answer.status < 300, (path, answer.status, answer.read())
deadline = time.monotonic() + 60
while True:
    try:
        put("/data", b"")
        break
    except OSError:
        if time.monotonic() > deadline: raise
        time.sleep(0.5)
for name, content in objects.items():
    put("/data/" + name, content.encode())
"""
    % PORT
)


def packages():
    """The server and what it needs, for the Python of the runner image, as a tar archive."""
    folder = REPOSITORY / "build" / "e2e" / "moto"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--no-compile"),
            *("--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "-r", str(REQUIREMENTS)),
        ],
        check=True,
    )
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(folder, ".")
    return archive.getvalue()


# What lies below a folder, by name; of the runner's own objects the names alone.
GET = (
    """
import http.client, json, re, sys
host, below = sys.argv[1], sys.argv[2]
signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
def get(path):
    connection = http.client.HTTPConnection(host, %d, timeout=60)
    connection.request("GET", path, headers={"Authorization": signed})
    answer = connection.getresponse()
    content = answer.read().decode(errors="replace")
    assert answer.status == 200, (path, answer.status, content)
    return content
listing = get("/data?list-type=2&max-keys=1000&prefix=" + below + "/")
assert "<IsTruncated>true" not in listing
names = re.findall("<Key>([^<]*)</Key>", listing)
print(json.dumps({name[len(below) + 1:]: None if "/.parallelrun/" in name else get("/data/" + name) for name in names}))
"""
    % PORT
)


class ObjectStore:
    """The bucket `data` of a server in the namespace of `space`."""

    def __init__(self, space, archive):
        self.space = space
        space.upload(archive, "moto")
        labels = {"app": "object-store"}
        server = {
            "name": "server",
            "image": space.images.runner,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-m", "moto.server", "-H", "0.0.0.0", "-p", str(PORT)],
            "env": [{"name": "PYTHONPATH", "value": "/data/moto"}],
            "securityContext": RESTRICTED_CONTAINER,
            "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}],
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "object-store", "namespace": space.name, "labels": labels},
            "spec": {
                "securityContext": RESTRICTED,
                "terminationGracePeriodSeconds": 0,
                "containers": [server],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        }
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "object-store", "namespace": space.name},
            "spec": {"selector": labels, "ports": [{"port": PORT}]},
        }
        space.cluster.apply(pod, service)
        ready = ("wait", "-n", space.name, "--for=condition=Ready", "pod/object-store")
        space.cluster.kubectl(*ready, f"--timeout={PATIENCE}s")

    def put(self, **objects):
        """By name, with `/` written as `__`."""
        named = {name.replace("__", "/"): content for name, content in objects.items()}
        self.space.python(PUT, f"object-store.{self.space.name}", stdin=json.dumps(named))

    def get(self, below):
        """What lies below a folder: text by name, None for the runner's own objects."""
        return json.loads(self.space.python(GET, "object-store", below))

    def source(self, prefix):
        body = {"bucket": "data", "prefix": prefix, "region": "us-east-1"}
        body |= {"endpoint": f"http://object-store:{PORT}", "credentials": {"secretName": "keys"}}
        return {"s3": body}

    def secret(self, **keys):
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "keys", "namespace": self.space.name},
        }
        self.space.cluster.apply(secret | {"stringData": keys})
