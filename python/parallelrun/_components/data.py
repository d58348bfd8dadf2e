"""Data assets of the SDK v2: the registered datasets of a workspace."""

import os
from typing import Any, Dict, List, Mapping, Optional, Union

from parallelrun._components.component import in_datastore
from parallelrun._components.values import AssetTypes, PathLike
from parallelrun._convert import mltable
from parallelrun._convert.report import Report
from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.dataset import AbstractDataset, Dataset, FileDataset, TabularDataset
from parallelrun._workspace.dataset_paths import parts_of
from parallelrun._workspace.datastore import Datastore


class Data:
    """Where data lies, under a name. What `data.create_or_update` and `data.get` give has `id`: the path of an Input."""

    def __init__(
        self,
        *,
        path: Optional[PathLike] = None,
        name: Optional[str] = None,
        version: Union[str, int, None] = None,
        type: str = AssetTypes.URI_FOLDER,
        description: Optional[str] = None,
        tags: Optional[Mapping[str, str]] = None,
        **_: Any,
    ) -> None:
        self.name = name
        self.version = None if version is None else str(version)
        self.type = type
        self.path = None if path is None else os.fspath(path)
        self.description = description
        self.tags = dict(tags or {})

    @property
    def id(self) -> str:
        return f"azureml:{self.name}:{self.version}"

    def __repr__(self) -> str:
        return f"<Data {self.name}:{self.version}, {self.type}>"


class DataOperations:
    """`client.data`."""

    def __init__(self, workspace: Any) -> None:
        self._workspace = workspace

    def create_or_update(self, data: Data) -> Data:
        """The version that says the same, or the next one."""
        if not data.name or data.path is None:
            raise ValueError("name and path are needed: Data(name=..., path=...)")
        dataset = self._dataset(data, data.path)
        made = dataset.register(self._workspace, data.name, data.description, data.tags, True)
        if data.version is not None and data.version != str(made.version):
            accepted(
                f"version {data.version} of the data '{data.name}'",
                f"not used; versions are numbered, and this one is {made.version}",
            )
        return _data(made, data.tags)

    def get(self, name: str, version: Union[str, int, None] = None, label: Optional[str] = None) -> Data:
        """ValueError: there is no such dataset or version."""
        if label not in (None, "latest"):
            raise ValueError(f"label is '{label}', but versions have one label only: latest")
        return _data(Dataset.get_by_name(self._workspace, name, version or "latest"), {})

    def list(self, name: Optional[str] = None, **_: Any) -> List[Data]:
        """The newest version of each, or of one."""
        found: Dict[str, AbstractDataset] = Dataset.get_all(self._workspace)
        return [_data(each, {}) for key, each in found.items() if name in (None, key)]

    def archive(self, name: str, *_: Any, **__: Any) -> None:
        raise NotImplementedError(
            f"archive('{name}'): versions are kept for the jobs that name them, and cannot be hidden; in a namespace "
            f"`kubectl delete parallelrundataset {name}` removes all of them"
        )

    def _dataset(self, data: Data, path: str) -> AbstractDataset:
        named = in_datastore(path)
        place: Any = path if named is None else (Datastore(self._workspace, named[0]), named[1])
        if path.startswith(("azureml:", "http:", "https:", "wasbs:", "abfss:")) and named is None:
            raise ValueError(
                f"the path of the data '{data.name}' is {path}, but must be one of this machine, or of a datastore of the workspace: "
                "azureml://datastores/NAME/paths/PATH"
            )
        if data.type != AssetTypes.MLTABLE:
            return FileDataset(parts_of(place, True, data.type == AssetTypes.URI_FILE))
        if named is not None or self._workspace.cluster is not None:
            raise ValueError(
                f"the data '{data.name}' is an MLTable, whose file nobody can read in {path}; register the table with "
                "Dataset.Tabular.from_delimited_files((datastore, path)).register(ws, NAME)"
            )
        report = Report(data.name or "")
        table = mltable.table(os.path.abspath(path), report)
        if table is None:
            raise ValueError(f"{path} has no file MLTable, which says the files and how they are read")
        parts = [
            {"source": each.source, **({"glob": each.glob} if each.glob else {}), **table.fields}
            for each in table.places
        ]
        return (TabularDataset if table.kind == "tabular" else FileDataset)(parts)


def _data(dataset: AbstractDataset, tags: Mapping[str, str]) -> Data:
    kind = AssetTypes.URI_FOLDER if dataset.kind == "file" else AssetTypes.MLTABLE
    made = Data(
        name=dataset.name, version=dataset.version, type=kind, description=dataset.description, tags=tags
    )
    made.path = made.id
    return made
