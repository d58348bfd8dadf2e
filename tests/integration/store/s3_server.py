"""Two S3 servers, moto and versitygw, and a client that fills their buckets.

moto is there in a second, speaks for GCS too, and checks no signature. versitygw keeps its objects as files, checks each
signature, and takes many requests at a time; it is compiled once for each machine (tests/cluster/README.md)."""

import contextlib
import datetime
import hashlib
import hmac
import http.client
import socket
import subprocess
import sys
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from checkout import BUILD, REPOSITORY
from waiting import wait_for

sys.path.insert(0, str(REPOSITORY / "tests" / "cluster"))
from bringup import parts  # noqa: E402

SERVER = BUILD / "venvs" / "store" / "bin" / "moto_server"

# The server asks for a signature, and does not check it.
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def s3_server(folder):
    port = free_port()
    return _served(folder, port, [SERVER, "-H", "127.0.0.1", "-p", port])


def s3_file_server(folder, keys):
    """`keys`: the only ones that it takes, (access key id, secret access key)."""
    parts.build(parts.VERSITYGW)
    port = free_port()
    files = folder / "files"
    files.mkdir()
    program = parts.VERSITYGW.program("versitygw")
    whose = ["--port", f"127.0.0.1:{port}", "--access", keys[0], "--secret", keys[1]]
    return _served(folder, port, [program, *whose, "--quiet", "posix", files])


@contextlib.contextmanager
def _served(folder, port, command):
    with open(folder / "s3.log", "wb") as log:
        server = subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT)
    try:

        def up():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
            return server.poll() is not None

        wait_for(up, "the S3 server")
        assert server.poll() is None, (folder / "s3.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _signed(method, where, path, query, keys):
    """The headers of AWS's signature, version 4, of a request whose body is not signed."""
    time = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {
        "host": where,
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        "x-amz-date": time,
    }
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    request = "\n".join([method, path, query, lines, names, "UNSIGNED-PAYLOAD"])
    scope = f"{time[:8]}/us-east-1/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{keys[1]}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    del signed["host"]  # the connection sends it
    return {
        **signed,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={keys[0]}/{scope}, SignedHeaders={names}, Signature={signature}",
    }


class Bucket:
    def __init__(self, address, name, keys=None):
        self.address = address
        self.name = name
        self.pair = keys
        self._request("PUT", "")

    def _request(self, method, key, body=b"", query=""):
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        path = f"/{self.name}/{quote(key)}" if key else f"/{self.name}"
        headers = {"Content-Type": "application/octet-stream"}  # moto takes a form for a form
        if self.pair:
            headers |= _signed(method, where.netloc, path, query, self.pair)
        else:
            headers["Authorization"] = SIGNED
        connection.request(method, f"{path}?{query}" if query else path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status < 300, (answer.status, content)
        return content

    def put(self, key, content):
        self._request("PUT", key, content if isinstance(content, bytes) else content.encode())

    def delete(self, key):
        self._request("DELETE", key)

    def get(self, key):
        return self._request("GET", key)

    def keys(self, below=""):
        """Of all objects whose names begin with that."""
        found, after = [], ""
        while True:
            query = f"list-type=2&prefix={quote(below, safe='')}&start-after={quote(after, safe='')}"
            answer = ElementTree.fromstring(self._request("GET", "", query=query))
            space = answer.tag.partition("}")[0] + "}"
            found += [one.findtext(f"{space}Key") for one in answer.iter(f"{space}Contents")]
            if answer.findtext(f"{space}IsTruncated") != "true":
                return found
            after = found[-1]
