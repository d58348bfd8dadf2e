"""Where a step writes, which is also what a later step reads."""

import os
from typing import Any, Dict, List, Mapping, Optional

from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.consumption import DatasetConsumptionConfig
from parallelrun._workspace.datastore import DataPath, Datastore, copy_tree


class OutputFileDatasetConfig:
    """The output directory of a step, or its place in a store: `destination=(datastore, path)`, by default a folder for each
    run in the default datastore. A later step takes it as an input: `output.as_input("scores")`."""

    def __init__(
        self,
        name: Optional[str] = None,
        destination: Optional[Any] = None,
        source: Optional[str] = None,
        partition_format: Optional[str] = None,
    ) -> None:
        if source is not None:
            accepted(
                f"OutputFileDatasetConfig(source='{source}')", "not used; the whole output directory is kept"
            )
        if partition_format is not None:
            raise ValueError("partition_format is not supported; parse the path in run(), which gets it")
        self.name = name or "output"
        self.destination = destination
        self.registrations: List[Dict[str, Any]] = []

    @property
    def is_fixed(self) -> bool:
        """Whether the user says where it is, so that no other directory may stand for it."""
        return self.destination is not None

    def as_mount(self, disable_metadata_cache: bool = False) -> "OutputFileDatasetConfig":
        """The same: the directory is written where it lies."""
        return self

    def as_upload(self, overwrite: bool = False, source_globs: Any = None) -> "OutputFileDatasetConfig":
        accepted("as_upload()", "nothing is uploaded; the directory is written where it lies")
        return self

    def register_on_complete(
        self,
        name: str,
        description: Optional[str] = None,
        tags: Optional[Mapping[str, str]] = None,
        glob: Optional[str] = None,
    ) -> "OutputFileDatasetConfig":
        """When the step is complete, what it wrote becomes a version of that dataset: the file of append_row, or what `glob`
        matches."""
        self.registrations.append({"name": name, "description": description, "tags": tags, "glob": glob})
        return self

    def as_input(self, name: Optional[str] = None, glob: Optional[str] = None) -> DatasetConsumptionConfig:
        """This output as an input of a later step: the file of append_row, or what `glob` matches."""
        return DatasetConsumptionConfig(name, OutputFiles(self, glob))

    as_named_input = as_input

    def read_delimited_files(self, separator: str = ",", **settings: Any) -> "OutputTable":
        """This output as a table: CSV files."""
        return OutputTable(
            self, {"format": "csv", **({"delimiter": separator} if separator != "," else {})}, settings
        )

    def read_parquet_files(self, **settings: Any) -> "OutputTable":
        return OutputTable(self, {"format": "parquet"}, settings)

    def place(self, workspace: Any, run_id: str) -> DataPath:
        """Where a step run writes it."""
        if self.destination is None:
            return DataPath(Datastore(workspace), f"azureml/{run_id}/{self.name}")
        if isinstance(self.destination, Datastore):
            return DataPath(self.destination, f"azureml/{run_id}/{self.name}")
        try:
            datastore, path = self.destination
        except (TypeError, ValueError):
            raise TypeError(
                f"destination is {type(self.destination).__name__}, but must be (datastore, path)"
            ) from None
        path = path.replace("{run-id}", run_id).replace("{output-name}", self.name)
        return DataPath(datastore, path)

    def __repr__(self) -> str:
        return f"<OutputFileDatasetConfig {self.name}>"


class OutputFiles:
    """An output that a later step reads as files."""

    kind = "file"

    def __init__(self, output: OutputFileDatasetConfig, glob: Optional[str]) -> None:
        self.output = output
        self.fields: Dict[str, Any] = {"glob": glob} if glob else {}
        self.name = output.name


class OutputTable:
    """An output that a later step reads as a table."""

    kind = "tabular"

    def __init__(
        self, output: OutputFileDatasetConfig, fields: Dict[str, Any], settings: Dict[str, Any]
    ) -> None:
        columns = settings.pop("set_column_types", None)
        glob = settings.pop("glob", None)
        unknown = sorted(key for key in settings if key not in ("validate", "infer_column_types"))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not supported when an output is read as a table")
        self.output = output
        self.fields = {
            **fields,
            **({"columns": dict(columns)} if columns else {}),
            **({"glob": glob} if glob else {}),
        }
        self.name = output.name

    def as_input(self, name: Optional[str] = None) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(name, self)

    as_named_input = as_input


class OutputData:
    """What a finished step wrote: `step_run.get_output_data(name)`."""

    def __init__(self, name: str, place: DataPath, folder: str) -> None:
        self.name = name
        self.datastore = place.datastore
        self.folder = folder
        root = place.datastore.folder
        self.path_on_datastore = os.path.relpath(folder, root) if folder.startswith(root + os.sep) else folder

    def download(self, local_path: Any, overwrite: bool = False, show_progress: bool = True) -> int:
        """Copies it to `local_path`, below its path in the datastore; how many files."""
        return copy_tree(self.folder, self.datastore.folder, os.fspath(local_path), overwrite)


class FarOutputData:
    """The same of a step whose output this machine reaches by no path."""

    def __init__(self, name: str, step: Any) -> None:
        self.name = name
        self.datastore = step.place.datastore
        self.folder = step.output_directory
        self.path_on_datastore = step.place.path_on_datastore
        self._step = step


class StoredOutputData(FarOutputData):
    """Of a step that wrote into a store."""

    def download(self, local_path: Any, overwrite: bool = False, show_progress: bool = True) -> int:
        """Copies the output file, failed items and logs to `local_path`, below its path in the datastore; how many files."""
        step = self._step
        if step.job is None:
            raise ValueError("the step has not begun, so it has written nothing")
        rows = step.manifest["spec"].get("appendRowFileName", "parallel_run_step.txt")
        target = os.path.join(os.fspath(local_path), self.path_on_datastore)
        with step.job._files(rows, "failed_items.jsonl", "logs/") as folder:
            return copy_tree(folder, folder, target, overwrite)
