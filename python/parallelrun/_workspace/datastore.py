"""A datastore: a folder with a name."""

import json
import os
import shutil
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from parallelrun._inputs import PathLike
from parallelrun._workspace.names import unknown
from parallelrun._workspace.written import locked, write_whole

DEFAULT = "workspaceblobstore"


class DataPath(NamedTuple):
    """A path in a datastore; what stands for it in Azure's programs is a pair too."""

    datastore: "Datastore"
    path_on_datastore: str

    @property
    def local_path(self) -> str:
        return self.datastore.local_path(self.path_on_datastore)


class Datastore:
    """A folder with a name. A workspace has one, below its own folder; register_folder() names others."""

    def __init__(self, workspace: Any, name: Optional[str] = None) -> None:
        known = _read(workspace)
        name = name or known["default"]
        if name not in known["folders"]:
            raise ValueError(
                unknown("datastore", name, known["folders"])
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
        return sorted(_read(workspace)["folders"])

    @classmethod
    def register_folder(cls, workspace: Any, datastore_name: str, folder: PathLike) -> "Datastore":
        """Names a folder of this machine, such as a mounted volume. Not in Azure's SDK."""
        path = os.path.abspath(os.path.expanduser(os.fspath(folder)))
        if not os.path.isdir(path):
            raise FileNotFoundError(f"the folder of the datastore '{datastore_name}' is not there: {path}")
        with locked(workspace.folder):
            known = _read(workspace)
            known["folders"][datastore_name] = path
            _write(workspace, known)
        return cls(workspace, datastore_name)

    @staticmethod
    def make_default(workspace: Any, name: str) -> None:
        with locked(workspace.folder):
            known = _read(workspace)
            if name not in known["folders"]:
                raise ValueError(unknown("datastore", name, known["folders"]))
            known["default"] = name
            _write(workspace, known)

    @staticmethod
    def register_azure_blob_container(workspace: Any, datastore_name: str, *_: Any, **__: Any) -> "Datastore":
        raise NotImplementedError(
            f"datastore '{datastore_name}': a datastore is a folder here, and a container cannot be one; mount or copy the "
            "container and name the folder: Datastore.register_folder(ws, name, folder)"
        )

    def path(self, path: Optional[str] = None, data_reference_name: Optional[str] = None) -> DataPath:
        return DataPath(self, path or "")

    def local_path(self, path: str) -> str:
        """Where a path of the datastore lies. ValueError: it leaves the datastore."""
        if ".." in path.split("/"):
            raise ValueError(f"the path '{path}' leaves the datastore '{self.name}'; write it without '..'")
        return os.path.join(self.folder, path.lstrip("/"))

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


def _file(workspace: Any) -> str:
    return os.path.join(workspace.folder, "datastores.json")


def _read(workspace: Any) -> Dict[str, Any]:
    try:
        with open(_file(workspace), encoding="utf-8") as file:
            known: Dict[str, Any] = json.load(file)
            return known
    except FileNotFoundError:
        return {"default": DEFAULT, "folders": {DEFAULT: os.path.join("datastores", DEFAULT)}}


def _write(workspace: Any, known: Dict[str, Any]) -> None:
    write_whole(_file(workspace), json.dumps(known, indent=2) + "\n")
