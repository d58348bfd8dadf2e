"""A real S3 server (moto), and a client that fills its buckets."""

import contextlib
import http.client
import socket
import subprocess
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from checkout import BUILD
from waiting import wait_for

SERVER = BUILD / "venvs" / "store" / "bin" / "moto_server"

# The server asks for a signature, and does not check it.
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def s3_server(folder):
    port = free_port()
    with open(folder / "s3.log", "wb") as log:
        server = subprocess.Popen(
            [str(SERVER), "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=subprocess.STDOUT
        )
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


class Bucket:
    def __init__(self, address, name):
        self.address = address
        self.name = name
        self._request("PUT", "")

    def _request(self, method, key, body=b"", query=""):
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        # moto takes a form for a form.
        headers = {"Content-Type": "application/octet-stream", "Authorization": SIGNED}
        connection.request(
            method, f"/{self.name}/{quote(key)}" if key else f"/{self.name}{query}", body, headers
        )
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
            query = f"?list-type=2&prefix={quote(below, safe='')}&start-after={quote(after, safe='')}"
            answer = ElementTree.fromstring(self._request("GET", "", query=query))
            space = answer.tag.partition("}")[0] + "}"
            found += [one.findtext(f"{space}Key") for one in answer.iter(f"{space}Contents")]
            if answer.findtext(f"{space}IsTruncated") != "true":
                return found
            after = found[-1]
