"""A datastore of a workspace that is a folder, whose data lies in a store: jobs of this machine read and write it there."""

import os
from typing import Any, Dict, List, Mapping, Optional

from parallelrun._inputs import PathLike
from parallelrun._stored_output import STORES, address, store_kind
from parallelrun._workspace.datastore import Datastore, first_document
from parallelrun._workspace.far_datastore import FarDatastore

# The program refuses a file that others may read; here it is said where the file is named.
_OF_OTHERS = 0o077


class StoreDatastore(FarDatastore):
    """`place`: a source of a manifest. The keys are in a file of the user's, which is named and not copied, or in the
    environment."""

    _of_steps = "what a step wrote comes"

    def __init__(self, workspace: Any, name: Optional[str] = None) -> None:
        document = workspace.papers.read("datastores") or first_document()
        self.workspace = workspace
        self.name = name or document["default"]
        known = document["stores"][self.name]
        self.place: Dict[str, Any] = dict(known["source"])
        file = known["credentials"]
        self.keys = {self._secret(): file} if file else {}

    def _secret(self) -> str:
        kind = store_kind(self.place)
        inside = self.place[kind] if kind else {}
        return str(inside.get("credentials", {}).get("secretName", ""))

    def _where(self) -> str:
        return address(self.place)

    def __repr__(self) -> str:
        return f"<Datastore {self.name}: {address(self.place)}>"


def register(
    workspace: Any, name: str, place: Mapping[str, Any], credentials: Optional[PathLike]
) -> Datastore:
    """`credentials`: a file with its keys, which only the user may read."""
    kind = store_kind(place)
    if kind is None or len(place) != 1:
        raise ValueError(
            f"the datastore '{name}' is {dict(place)}, but in a workspace that is a folder it must be a folder (Datastore."
            f"register_folder(ws, name, folder)) or a store ({', '.join(STORES)})"
        )
    inside = dict(place[kind])
    file = None
    if credentials is not None:
        file = os.path.abspath(os.path.expanduser(os.fspath(credentials)))
        if not os.path.isfile(file):
            raise FileNotFoundError(f"the file with the keys of the datastore '{name}' is not there: {file}")
        if os.stat(file).st_mode & _OF_OTHERS:
            raise PermissionError(
                f"other users may read the keys of the datastore '{name}'; chmod 600 {file}"
            )
        # Each datastore has keys of its own, so they have its name.
        inside["credentials"] = {"secretName": name}
    else:
        inside.pop("credentials", None)

    def add(known: Optional[Dict[str, Any]]) -> Dict[str, Any]:
        known = known or first_document()
        known["folders"].pop(name, None)
        stores = {**known.get("stores", {}), name: {"source": {kind: inside}, "credentials": file}}
        return {**known, "stores": stores}

    workspace.papers.change("datastores", add)
    return Datastore(workspace, name)


def credentials_for(workspace: Any, manifest: Mapping[str, Any]) -> Dict[str, str]:
    """The files that a job of the workspace needs, by the names that its sources have for them."""
    spec = manifest["spec"]
    places: List[Any] = [
        each["source"] for each in [*spec["inputs"], *spec.get("sideInputs", []), spec["output"]]
    ]
    kinds = [(place, store_kind(place)) for place in places]
    wanted = {place[kind].get("credentials", {}).get("secretName") for place, kind in kinds if kind}
    document = workspace.papers.read("datastores") or {}
    return {
        name: known["credentials"]
        for name, known in document.get("stores", {}).items()
        if name in wanted and known["credentials"]
    }
