"""A real Azure Blob server (Azurite, from npm) over TLS, with service principals, and a client that fills its containers."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import shutil
import ssl
import subprocess
from email.utils import formatdate
from urllib.parse import quote

from checkout import BUILD
from s3_server import free_port
from waiting import wait_for

PROGRAM = BUILD / "npm" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
# Documented for everybody.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def why_not():
    """Why there is no such server here; empty: there is one."""
    if shutil.which("node") is None:
        return "there is no node on PATH"
    if not PROGRAM.exists():
        return f"Azurite is not installed ({PROGRAM}); tools/npm.sh azurite installs it where npm is there"
    return ""


@contextlib.contextmanager
def azure_server(folder, certificates):
    port = free_port()
    command = ["node", str(PROGRAM), "--oauth", "basic", "--cert", str(certificates / "tls.crt")]
    command += ["--key", str(certificates / "tls.key"), "--blobPort", str(port), "--skipApiVersionCheck"]
    with open(folder / "azurite.log", "wb") as log:
        server = subprocess.Popen(
            [*command, "--inMemoryPersistence", "--disableTelemetry"],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(
            lambda: (
                "successfully listens" in (folder / "azurite.log").read_text() or server.poll() is not None
            ),
            "Azurite",
        )
        assert server.poll() is None, (folder / "azurite.log").read_text()
        yield port
    finally:
        server.terminate()
        server.wait()


class Container:
    def __init__(self, port, certificates, name):
        self.port = port
        self.name = name
        self.endpoint = f"https://127.0.0.1:{port}/{ACCOUNT}"
        self._context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
        self._request("PUT", "", "restype=container")

    def put(self, key, content):
        self._request("PUT", key, "", content if isinstance(content, bytes) else content.encode())

    def get(self, key):
        return self._request("GET", key)

    def delete(self, key):
        self._request("DELETE", key)

    def _request(self, method, key, query="", body=b""):
        path = f"/{ACCOUNT}/{self.name}" + (f"/{quote(key)}" if key else "")
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
        if key and method == "PUT":
            headers["x-ms-blob-type"] = "BlockBlob"
        signed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        length = str(len(body)) if body else ""
        resource = f"/{ACCOUNT}{path}" + ("\n" + query.replace("=", ":") if query else "")
        text = f"{method}\n\n\n{length}\n\n\n\n\n\n\n\n\n{signed}{resource}"
        digest = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self._context, timeout=60)
        connection.request(method, path + (f"?{query}" if query else ""), body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status < 300, (answer.status, content)
        return content
