"""A datastore: a folder with a name, or in a namespace a volume or store with a name."""

import os
import shutil
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from parallelrun._claim import Claim
from parallelrun._inputs import PathLike
from parallelrun._workspace.names import unknown

DEFAULT = "workspaceblobstore"
_AZURE_FILE = "register_azure_blob_container(ws, name, container, account, credentials=FILE)"


class DataPath(NamedTuple):
    """A path in a datastore; what stands for it in Azure's programs is a pair too."""

    datastore: "Datastore"
    path_on_datastore: str

    @property
    def local_path(self) -> str:
        return self.datastore.local_path(self.path_on_datastore)

    @property
    def source(self) -> Dict[str, Any]:
        """As a manifest has it."""
        return self.datastore.source(self.path_on_datastore)


class Datastore:
    """A folder with a name. A workspace has one, below its own folder; register_folder() names others.

    A store that register_source() names has no folder (store_datastore.py). In a workspace that is a namespace it is a place
    there (cluster_datastore.py)."""

    # The file with the keys of a store, by the name that its source has for it.
    keys: Dict[str, str] = {}

    def __new__(cls, workspace: Any, name: Optional[str] = None) -> "Datastore":
        if workspace.cluster is not None:
            from parallelrun._workspace.cluster_datastore import ClusterDatastore

            return object.__new__(ClusterDatastore)
        known = _read(workspace)
        if (name or known["default"]) in known.get("stores", {}):
            from parallelrun._workspace.store_datastore import StoreDatastore

            return object.__new__(StoreDatastore)
        return object.__new__(cls)

    def __init__(self, workspace: Any, name: Optional[str] = None) -> None:
        known = _read(workspace)
        name = name or known["default"]
        if name not in known["folders"]:
            raise ValueError(
                unknown("datastore", name, [*known["folders"], *known.get("stores", {})])
                + "; Datastore.register_folder(ws, name, folder) makes one"
            )
        self.workspace = workspace
        self.name = name
        self.folder = os.path.join(workspace.folder, known["folders"][name])
        os.makedirs(self.folder, exist_ok=True)

    @classmethod
    def get(cls, workspace: Any, datastore_name: str) -> "Datastore":
        return cls(workspace, datastore_name)

    @staticmethod
    def names(workspace: Any) -> List[str]:
        if workspace.cluster is not None:
            from parallelrun._workspace.cluster_datastore import known_places

            return sorted(known_places(workspace)["places"])
        known = _read(workspace)
        return sorted([*known["folders"], *known.get("stores", {})])

    @classmethod
    def register_folder(cls, workspace: Any, datastore_name: str, folder: PathLike) -> "Datastore":
        """Names a folder of this machine, such as a mounted volume. Not in Azure's SDK."""
        if workspace.cluster is not None:
            raise ValueError(
                f"the folder of the datastore '{datastore_name}' is on this machine, where pods of {workspace.cluster} do not see it; name "
                "a volume there: Datastore.register_claim(ws, name, claim, folder)"
            )
        path = os.path.abspath(os.path.expanduser(os.fspath(folder)))
        if not os.path.isdir(path):
            raise FileNotFoundError(f"the folder of the datastore '{datastore_name}' is not there: {path}")

        def add(known: Optional[Dict[str, Any]]) -> Dict[str, Any]:
            known = known or first_document()
            known["folders"][datastore_name] = path
            known.get("stores", {}).pop(datastore_name, None)
            return known

        workspace.papers.change("datastores", add)
        return cls(workspace, datastore_name)

    @staticmethod
    def make_default(workspace: Any, name: str) -> None:
        names = Datastore.names(workspace)
        if name not in names:
            raise ValueError(unknown("datastore", name, names))
        workspace.papers.change("datastores", lambda known: {**(known or first_document()), "default": name})

    @staticmethod
    def register_claim(workspace: Any, datastore_name: str, claim: str, folder: str = "") -> "Datastore":
        """Names a PersistentVolumeClaim of the namespace, or a folder of it. Not in Azure's SDK."""
        from parallelrun._workspace.cluster_datastore import register

        return register(workspace, datastore_name, Claim(claim, folder.strip("/")).source())

    @staticmethod
    def register_source(
        workspace: Any,
        datastore_name: str,
        source: Mapping[str, Any],
        credentials: Optional[PathLike] = None,
    ) -> "Datastore":
        """Names a place in a manifest's words: `{"s3": {"bucket": "data", "credentials": {"secretName": "keys"}}}`. In a workspace
        that is a folder it is a store, and `credentials` a file with its keys; without it those of the environment count. Not
        in Azure's SDK."""
        if workspace.cluster is None:
            from parallelrun._workspace import store_datastore

            return store_datastore.register(workspace, datastore_name, source, credentials)
        if credentials is not None:
            raise _file_in_a_namespace(
                datastore_name, "the source names a Secret: credentials={'secretName': ...}"
            )
        from parallelrun._workspace.cluster_datastore import register

        return register(workspace, datastore_name, dict(source))

    @staticmethod
    def register_azure_blob_container(
        workspace: Any,
        datastore_name: str,
        container_name: str = "",
        account_name: str = "",
        sas_token: Optional[str] = None,
        account_key: Optional[str] = None,
        protocol: Optional[str] = None,
        endpoint: Optional[str] = None,
        *_: Any,
        secret_name: Optional[str] = None,
        credentials: Optional[PathLike] = None,
        **__: Any,
    ) -> "Datastore":
        """In a namespace: a container of Azure. `secret_name` names a Secret of the namespace with the keys; else the SAS token,
        the account key, or the service principal that the workspace was opened with becomes one. In a workspace that is a
        folder `credentials` names a file with the keys, which are not kept there."""
        if not container_name or not account_name:
            raise ValueError(f"datastore '{datastore_name}': container_name and account_name are missing")
        if workspace.cluster is None and credentials is None:
            raise NotImplementedError(
                f"datastore '{datastore_name}': a workspace that is a folder keeps no keys; write them into a file that only you may read "
                f"(accountKey: ..., sasToken: ..., or tenantId, clientId and clientSecret) and name it: {_AZURE_FILE}; or copy the "
                "container and name the folder: Datastore.register_folder(ws, name, folder)"
            )
        address = f"{protocol or 'https'}://{account_name}.blob.{endpoint}" if endpoint else None
        if workspace.cluster is None:
            blob = {"account": account_name, "container": container_name}
            source = {"azureBlob": {**blob, **({"endpoint": address} if address else {})}}
            return Datastore.register_source(workspace, datastore_name, source, credentials)
        if credentials is not None:
            raise _file_in_a_namespace(datastore_name, "secret_name names a Secret")
        from parallelrun._workspace.cluster_datastore import register_container

        keys = {"sasToken": sas_token, "accountKey": account_key}
        return register_container(
            workspace, datastore_name, container_name, account_name, keys, secret_name, address
        )

    @staticmethod
    def register_azure_data_lake_gen2(
        workspace: Any,
        datastore_name: str,
        filesystem: str,
        account_name: str,
        tenant_id: Optional[str] = None,
        client_id: Optional[str] = None,
        client_secret: Optional[str] = None,
        *_: Any,
        secret_name: Optional[str] = None,
        credentials: Optional[PathLike] = None,
        **__: Any,
    ) -> "Datastore":
        """As register_azure_blob_container, with a service principal of its own."""
        if not filesystem or not account_name:
            raise ValueError(f"datastore '{datastore_name}': filesystem and account_name are missing")
        if workspace.cluster is None:
            return Datastore.register_azure_blob_container(
                workspace, datastore_name, filesystem, account_name, credentials=credentials
            )
        if credentials is not None:
            raise _file_in_a_namespace(datastore_name, "secret_name names a Secret")
        from parallelrun._workspace.cluster_datastore import register_container

        keys = {"tenantId": tenant_id, "clientId": client_id, "clientSecret": client_secret}
        return register_container(workspace, datastore_name, filesystem, account_name, keys, secret_name)

    def path(self, path: Optional[str] = None, data_reference_name: Optional[str] = None) -> DataPath:
        return DataPath(self, path or "")

    def local_path(self, path: str) -> str:
        """Where a path of the datastore lies. ValueError: it leaves the datastore."""
        return os.path.join(self.folder, self.below(path))

    def below(self, path: str) -> str:
        """A path of the datastore, without '/' at its beginning. ValueError: it leaves the datastore."""
        if ".." in path.split("/"):
            raise ValueError(f"the path '{path}' leaves the datastore '{self.name}'; write it without '..'")
        return path.lstrip("/")

    def source(self, path: str) -> Dict[str, Any]:
        """A path of the datastore as a manifest has it."""
        return {"local": {"path": self.local_path(path)}}

    def upload(
        self,
        src_dir: PathLike,
        target_path: Optional[str] = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataPath:
        """Copies a folder into the datastore. Files that are there stay, unless `overwrite`."""
        root = os.path.abspath(os.path.expanduser(os.fspath(src_dir)))
        if not os.path.isdir(root):
            raise FileNotFoundError(f"src_dir is not a folder: {root}")
        files = [os.path.join(at, name) for at, _, names in os.walk(root) for name in names]
        return self.upload_files(files, root, target_path, overwrite)

    def upload_files(
        self,
        files: Sequence[PathLike],
        relative_root: Optional[PathLike] = None,
        target_path: Optional[str] = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataPath:
        target = self.path(target_path)
        for each in files:
            file = os.path.abspath(os.path.expanduser(os.fspath(each)))
            below = os.path.relpath(file, relative_root) if relative_root else os.path.basename(file)
            copy = os.path.join(target.local_path, below)
            if overwrite or not os.path.exists(copy):
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(file, copy)
        os.makedirs(target.local_path, exist_ok=True)
        return target

    def download(
        self,
        target_path: PathLike,
        prefix: Optional[str] = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> int:
        """Copies the files below `prefix`, with their paths in the datastore; how many."""
        return copy_tree(self.local_path(prefix or ""), self.folder, os.fspath(target_path), overwrite)

    def __repr__(self) -> str:
        return f"<Datastore {self.name}: {self.folder}>"


def _file_in_a_namespace(name: str, way_out: str) -> ValueError:
    return ValueError(
        f"credentials of the datastore '{name}' is a file of this machine, and is not taken to a namespace; there {way_out}"
    )


def copy_tree(folder: str, root: str, target: str, overwrite: bool = False) -> int:
    """Copies the files of `folder`, each to its path below `root`; how many."""
    count = 0
    for at, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(at, name)
            copy = os.path.join(target, os.path.relpath(file, root))
            if overwrite or not os.path.exists(copy):
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(file, copy)
                count += 1
    return count


def first_document() -> Dict[str, Any]:
    return {"default": DEFAULT, "folders": {DEFAULT: os.path.join("datastores", DEFAULT)}}


def _read(workspace: Any) -> Dict[str, Any]:
    known: Dict[str, Any] = workspace.papers.read("datastores") or first_document()
    return known
