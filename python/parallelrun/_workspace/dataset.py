"""Datasets: files, or tables in files, with a name and numbered versions when they are registered."""

import enum
from typing import Any, Dict, List, Mapping, Optional, Union

from parallelrun._workspace import cluster_datasets, dataset_versions
from parallelrun._workspace.accepted import accepted
from parallelrun._workspace.cluster_datastore import ClusterDatastore
from parallelrun._workspace.consumption import DatasetConsumptionConfig
from parallelrun._workspace.dataset_paths import Part, parts_of, with_pattern
from parallelrun._workspace.datastore import Datastore
from parallelrun._workspace.far_datastore import in_words


class PromoteHeadersBehavior(enum.IntEnum):
    """Which files of a delimited dataset have a header."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = 1
    COMBINE_ALL_FILES_HEADERS = 2
    ALL_FILES_HAVE_SAME_HEADERS = 3


class DataType:
    """Types for `set_column_types`; the words of `columns` may stand there too."""

    @staticmethod
    def to_string() -> str:
        return "string"

    @staticmethod
    def to_long() -> str:
        return "int64"

    @staticmethod
    def to_float(decimal_mark: str = ".") -> str:
        if decimal_mark != ".":
            raise ValueError(f"decimal_mark is '{decimal_mark}', but numbers are read with a point only")
        return "float64"

    @staticmethod
    def to_bool() -> str:
        return "bool"

    @staticmethod
    def to_datetime(formats: Any = None) -> str:
        if formats is not None:
            raise ValueError(
                "to_datetime(formats=...) is not supported; declare 'string' and parse it in run()"
            )
        return "datetime"

    @staticmethod
    def to_stream(*_: Any) -> str:
        raise ValueError("to_stream() is not supported; a file dataset gives paths")


class AbstractDataset:
    """`parts`: a source each, with glob and format."""

    kind = ""

    def __init__(self, parts: List[Part]) -> None:
        self.parts = parts
        self.name: Optional[str] = None
        self.version: Optional[int] = None
        self.description: Optional[str] = None
        # Of a namespace: a job names it and not what it says, so that its status has the version.
        self.reference: Optional[Dict[str, Any]] = None

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """This dataset as an input, or side input, of that name."""
        return DatasetConsumptionConfig(name, self)

    def register(
        self,
        workspace: Any,
        name: str,
        description: Optional[str] = None,
        tags: Optional[Mapping[str, str]] = None,
        create_new_version: bool = False,
    ) -> "AbstractDataset":
        """Writes it to the workspace's folder, or as a ParallelRunDataset to its namespace. A version that is there never
        changes: other content under the same name is refused, or with `create_new_version` the next version. The same
        content is the same version."""
        if workspace.cluster is not None:
            number = cluster_datasets.register(
                workspace.cluster, name, self.kind, self.parts, description, tags, create_new_version, 3
            )
            return _of_cluster(workspace, name, number)
        version = dataset_versions.register(
            workspace.folder, name, self.kind, self.parts, description, tags, create_new_version
        )
        return dataset_of(dataset_versions.read(workspace.folder, name, version))

    def __repr__(self) -> str:
        named = f" {self.name}:{self.version}" if self.name else ""
        return f"<{type(self).__name__}{named}: {', '.join(_shown(part) for part in self.parts)}>"


class FileDataset(AbstractDataset):
    """Files. `run` gets lists of paths."""

    kind = "file"

    def as_mount(self, path_on_compute: Optional[str] = None) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(None, self).as_mount(path_on_compute)

    def as_download(self, path_on_compute: Optional[str] = None) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(None, self).as_download(path_on_compute)


class TabularDataset(AbstractDataset):
    """Records of files. `run` gets DataFrames."""

    kind = "tabular"


def dataset_of(stored: "dataset_versions.Stored") -> AbstractDataset:
    dataset: AbstractDataset = (FileDataset if stored.kind == "file" else TabularDataset)(stored.parts)
    dataset.name, dataset.version, dataset.description = stored.name, stored.version, stored.description
    return dataset


def _of_cluster(workspace: Any, name: str, version: Union[int, str]) -> AbstractDataset:
    return _referred(cluster_datasets.read(workspace.cluster, name, version))


def _referred(stored: "dataset_versions.Stored") -> AbstractDataset:
    dataset = dataset_of(stored)
    dataset.reference = {"dataset": {"name": stored.name, "version": stored.version}}
    return dataset


class _File:
    """`Dataset.File`."""

    @staticmethod
    def from_files(
        path: Any,
        validate: Any = True,
        partition_format: Optional[str] = None,
        is_file: bool = False,
    ) -> FileDataset:
        """Files by path: a folder, a file, a path with wildcards, `(datastore, path)`, or a list of them.

        `from_files(datastore, path)` is taken too, as ParallelRunStep's page writes it.
        """
        if isinstance(path, Datastore) and isinstance(validate, str):
            path, validate = (path, validate), True
        return FileDataset(with_pattern(parts_of(path, bool(validate), is_file), partition_format))


class _Tabular:
    """`Dataset.Tabular`."""

    @staticmethod
    def from_delimited_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: Union[bool, int] = True,
        set_column_types: Optional[Mapping[str, str]] = None,
        separator: str = ",",
        header: Union[bool, int] = True,
        partition_format: Optional[str] = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> TabularDataset:
        """CSV files. Quoted fields may always have line breaks (`support_multi_line`)."""
        if not infer_column_types and not set_column_types:
            raise ValueError(
                "infer_column_types=False needs set_column_types, which names the columns: "
                "set_column_types={'code': DataType.to_string()}"
            )
        if empty_as_string:
            raise ValueError(
                "empty_as_string=True is not supported; an empty field is a gap. Fill it in run()"
            )
        fields: Dict[str, Any] = {"format": "csv"}
        if separator != ",":
            fields["delimiter"] = separator
        if encoding not in ("utf8", "utf-8"):
            fields["encoding"] = ENCODINGS.get(encoding, encoding)
        # True and False are 1 and 0, and True means the default.
        behaviour = PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS if header is True else int(header)
        if behaviour == PromoteHeadersBehavior.NO_HEADERS:
            fields["header"] = False
        elif behaviour == PromoteHeadersBehavior.ONLY_FIRST_FILE_HAS_HEADERS:
            raise ValueError(
                "header=ONLY_FIRST_FILE_HAS_HEADERS is not supported, because files are read apart; give each file a "
                "header, or header=False for none"
            )
        return _table(path, validate, include_path, set_column_types, partition_format, fields)

    @staticmethod
    def from_parquet_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Optional[Mapping[str, str]] = None,
        partition_format: Optional[str] = None,
    ) -> TabularDataset:
        """Parquet files. `set_column_types` also says which columns are read."""
        return _table(path, validate, include_path, set_column_types, partition_format, {"format": "parquet"})

    @staticmethod
    def from_json_lines_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Optional[Mapping[str, str]] = None,
        partition_format: Optional[str] = None,
        invalid_lines: str = "error",
        encoding: str = "utf8",
    ) -> TabularDataset:
        """Files with a JSON object in each line."""
        if invalid_lines != "error":
            raise ValueError(
                f"invalid_lines is '{invalid_lines}', but a line that is no JSON fails its mini-batch ('error'); "
                "error_threshold says how many may fail"
            )
        if encoding not in ("utf8", "utf-8"):
            raise ValueError(f"encoding is '{encoding}', but JSON lines are UTF-8; convert the files")
        return _table(path, validate, include_path, set_column_types, partition_format, {"format": "jsonl"})

    @staticmethod
    def from_sql_query(
        query: Any,
        validate: bool = True,
        set_column_types: Optional[Mapping[str, str]] = None,
        query_timeout: int = 30,
        partition_column: Optional[str] = None,
    ) -> TabularDataset:
        """The rows of a SELECT: one mini-batch, or with `partition_column` (not in Azure's SDK) ranges of that key.

        The environment variable PARALLELRUN_SQL_URL names the database when the job runs; scripts do not get it. Of Azure's
        pair (datastore, query) the datastore is not used, unless it is one of a namespace: then it names the database
        (`Datastore.register_source(ws, "db", {"sql": {"credentials": {"secretName": "db"}}})`).
        """
        database: Dict[str, Any] = {}
        if isinstance(query, (tuple, list)) and len(query) == 2 and isinstance(query[0], ClusterDatastore):
            if "sql" not in query[0].place:
                raise ValueError(
                    f"the datastore '{query[0].name}' is {in_words(query[0].place)}, and no database; register one: "
                    "Datastore.register_source(ws, name, {'sql': {'credentials': {'secretName': ...}}})"
                )
            database, query = dict(query[0].place["sql"]), query[1]
        elif isinstance(query, (tuple, list)) and len(query) == 2:
            accepted(
                "the datastore of from_sql_query",
                "not used; PARALLELRUN_SQL_URL names the database, such as postgresql://USER:PASSWORD@HOST/DATABASE",
            )
            query = query[1]
        if not isinstance(query, str) or not query.strip():
            raise TypeError(
                f"query is {query!r}, but must be a SELECT, or a pair of a datastore and a SELECT"
            )
        if query_timeout != 30:
            accepted(
                "query_timeout", "not used; task_overhead_timeout limits how long a mini-batch is fetched"
            )
        sql: Dict[str, Any] = {**database, "query": query}
        if partition_column is not None:
            sql["partitionColumn"] = partition_column
        part: Part = {"source": {"sql": sql}}
        if set_column_types:
            part["columns"] = dict(set_column_types)
        return TabularDataset([part])


ENCODINGS = {
    "utf8bom": "utf-8-sig",
    "iso88591": "iso-8859-1",
    "latin1": "iso-8859-1",
    "ascii": "ascii",
    "utf16": "utf-16",
    "utf32": "utf-32",
    "windows1252": "cp1252",
}


class Dataset:
    """`Dataset.File.from_files`, `Dataset.Tabular.from_delimited_files`, ..., and those of a workspace by name."""

    File = _File
    Tabular = _Tabular

    @staticmethod
    def get_by_name(workspace: Any, name: str, version: Union[int, str] = "latest") -> AbstractDataset:
        if workspace.cluster is not None:
            return _of_cluster(workspace, name, version)
        return dataset_of(dataset_versions.read(workspace.folder, name, version))

    @staticmethod
    def get_all(workspace: Any) -> "Dict[str, AbstractDataset]":
        """The newest version of each."""
        if workspace.cluster is not None:
            return {
                stored.name: _referred(stored) for stored in cluster_datasets.newest_of_all(workspace.cluster)
            }
        return {
            name: Dataset.get_by_name(workspace, name) for name in dataset_versions.names(workspace.folder)
        }


def _table(
    path: Any,
    validate: bool,
    include_path: bool,
    set_column_types: Optional[Mapping[str, str]],
    partition_format: Optional[str],
    fields: Dict[str, Any],
) -> TabularDataset:
    if include_path:
        raise ValueError(
            "include_path=True is not supported; run(mini_batch, mini_batch_context) has the file as "
            "mini_batch_context.file"
        )
    if set_column_types:
        fields["columns"] = dict(set_column_types)
    return TabularDataset(
        [{**part, **fields} for part in with_pattern(parts_of(path, validate), partition_format)]
    )


def _shown(part: Part) -> str:
    folder = part["source"]["local"]["path"] if "local" in part["source"] else in_words(part["source"])
    below = part.get("glob") or part.get("pathPattern")
    return f"{folder}/{below}" if below else str(folder)
