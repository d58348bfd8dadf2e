"""A namespace of a cluster, by the verbs of the program: which cluster it is, and as whom, the kubeconfig says."""

import json
import os
import subprocess
from typing import Any, Callable, Dict, List, Optional

from parallelrun._bundle_folder import program
from parallelrun._command import environment
from parallelrun._inputs import PathLike

Object = Dict[str, Any]

_MOST_TRIES = 20


class ClusterError(RuntimeError):
    """What the program says: no such cluster, no rights, no answer."""


class Cluster:
    """`namespace`, `context` and `kubeconfig` as for kubectl; what is not given the kubeconfig says."""

    def __init__(
        self,
        namespace: Optional[str] = None,
        context: Optional[str] = None,
        kubeconfig: Optional[PathLike] = None,
    ) -> None:
        self.namespace = namespace
        self.context = context
        self.kubeconfig = None if kubeconfig is None else os.path.expanduser(os.fspath(kubeconfig))

    def words(self) -> List[str]:
        """Options of the program."""
        given = {"namespace": self.namespace, "context": self.context, "kubeconfig": self.kubeconfig}
        return [word for name, value in given.items() if value for word in (f"--{name}", value)]

    def call(self, verb: str, *words: str, said: bytes = b"") -> bytes:
        """Standard output of a verb. ClusterError: what it says on standard error."""
        command = [program(), verb, *self.words(), *words]
        done = subprocess.run(command, input=said, capture_output=True, env=environment())
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").strip()
            raise ClusterError(lines[len("parallelrun: ") :] if lines.startswith("parallelrun: ") else lines)
        return done.stdout

    # --- objects of the namespace ---

    def get(self, kind: str, name: str) -> Optional[Object]:
        """None: there is none of that name."""
        found: Optional[Object] = json.loads(self.call("object", "get", kind, name))
        return found

    def list(self, kind: str, labels: str = "") -> List[Object]:
        found: List[Object] = json.loads(
            self.call("object", "list", kind, *(["--labels", labels] if labels else []))
        )
        return found

    def change(self, kind: str, name: str, change: Callable[[Optional[Object]], Optional[Object]]) -> None:
        """Makes the object that `change` gives of the one that is there (None: none is), or merges it into that one (None
        in it takes a member away). It is called again where somebody else was faster. None: nothing is to be done."""
        for _ in range(_MOST_TRIES):
            there = self.get(kind, name)
            changed = change(there)
            if changed is None:
                return
            metadata = {**changed.get("metadata", {}), "name": name}
            if there is not None:
                metadata["resourceVersion"] = there["metadata"]["resourceVersion"]
            body = {**changed, "apiVersion": _versions[kind], "kind": kind, "metadata": metadata}
            if json.loads(self.call("object", "put", kind, said=json.dumps(body).encode())) is not None:
                return
        raise ClusterError(f"the {kind} '{name}' is changed by others all the time; try it again")

    def __repr__(self) -> str:
        return f"namespace {self.namespace or 'of the kubeconfig'}"


_versions = {
    "ConfigMap": "v1",
    "Secret": "v1",
    "ParallelRunJob": "parallelrun.dev/v1alpha1",
    "ParallelRunDataset": "parallelrun.dev/v1alpha1",
}
