"""What a job of this machine has put into a store: a process of the program, which alone reads keys, copies it here."""

import json
import os
import subprocess
import tempfile
from typing import Any, Dict, List, Mapping, Optional, Sequence

from parallelrun._bundle_folder import program

STORES = ("azureBlob", "s3", "gcs")


def store_kind(source: Mapping[str, Any]) -> Optional[str]:
    """ "s3", ...; None: it is no store."""
    return next((kind for kind in STORES if kind in source), None)


def address(source: Mapping[str, Any]) -> str:
    """As the program's messages call it: "s3://bucket/folder"."""
    kind = store_kind(source)
    if kind is None:
        return str(dict(source))
    inside = source[kind]
    words = [inside.get(key) for key in ("account", "container", "bucket", "prefix")]
    return f"{kind}://" + "/".join(str(word).strip("/") for word in words if word)


class StoredOutput:
    def __init__(
        self, source: Mapping[str, Any], credentials: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        """`credentials`: files by what --credentials calls them."""
        kind = store_kind(source)
        assert kind is not None
        self.address = address(source)
        inside: Dict[str, Any] = dict(source[kind])
        secret = (inside.get("credentials") or {}).get("secretName")
        if inside.get("caCertificate"):
            inside["caCertificate"] = os.path.abspath(os.path.expanduser(inside["caCertificate"]))
        self._source = {kind: inside}
        self._keys = credentials.get("output") or credentials.get(secret or "")
        self._environment = dict(environment)

    def copy(self, names: Sequence[str], folder: str) -> None:
        """Objects of these names, or all below a name that ends with '/', to their paths below `folder`. What is not there is
        left out. RuntimeError: the store does not give them."""
        with tempfile.TemporaryDirectory(prefix="parallelrun-") as scratch:
            config = os.path.join(scratch, "data.json")
            one = {"name": "output", "source": self._source, "root": folder, "credentials": self._keys}
            with open(config, "w", encoding="utf-8") as file:
                json.dump({"cache": scratch, "inputs": [], "sideInputs": [], "output": one}, file)
            command = [program(), "data", "--config", config, "--copy-to", folder]
            for name in names:
                command += ["--copy", name]
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=self._environment,
            )
        if done.returncode != 0:
            raise RuntimeError(f"what the job has left in {self.address} cannot be read: {_why(done.stderr)}")


def credential_files(credentials: Optional[Mapping[str, Any]]) -> Dict[str, str]:
    """Absolute paths of the files that are given by name."""
    return {
        name: os.path.abspath(os.path.expanduser(os.fspath(path)))
        for name, path in (credentials or {}).items()
    }


def _why(said: bytes) -> str:
    """The sentence of the last event, or what was said otherwise."""
    lines: List[str] = said.decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        try:
            return str(json.loads(line)["message"])
        except (ValueError, KeyError, TypeError):
            continue
    return lines[-1] if lines else "the program that reads stores has ended"
