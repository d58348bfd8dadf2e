# Made by crds/reference.py from common/spec/field_table.cpp.
"""The fields of a manifest in Python's spelling, for editors and type checkers. The program checks values; nothing here does."""

from typing import Any, Literal, Mapping, Sequence, TypedDict, Union


class Environment(TypedDict, total=False):
    """`environment` of a manifest, in the manifest's spelling."""

    image: str
    """On a cluster: the image of the workers."""

    requirements: Sequence[str]
    """Pip specifiers, installed into a cached virtual environment on top of the active one."""

    requirementsFile: str
    """The same from a file of the source directory."""

    condaFile: str
    """A conda environment file of the source directory: its `pip:` part is installed, its Python version and other packages must be there, see Environments."""

    wheels: str
    """A folder of wheels, the only place to install from, so that no index is needed: below the source directory, or an absolute path in the workers."""

    variables: Mapping[str, str]
    """Environment variables of the worker processes."""

    env: Sequence[Mapping[str, Any]]
    """Kubernetes EnvVar entries. The kubelet resolves them (`$(NAME)` too). On one machine only entries with a plain `value` are used, without any change."""


class FileFields(TypedDict, total=False):
    """Of `parallelrun.files(path, ...)`."""

    glob: str
    """Matched against the path below the directory; `*` and `?` stay within one folder, `**` crosses folders, `{jpg,png}` means one or the other; tabular default: names that end in `.csv` or `.csv.gz`, with `format: tsv` in `.tsv`, with `format: jsonl` in `.jsonl` or `.ndjson` (also with `.gz`), or with `format: parquet` in `.parquet` or `.pq`, in upper or lower case."""

    path_pattern: str
    """Instead of `glob`: a glob in which `{name}` stands for one or more characters of a file's or folder's name, which `partitionKeys` may use: `{user}/{genre}/*.mp3`. Files that do not match are left out and counted. See Partition keys."""


class TableFields(TypedDict, total=False):
    """Of `parallelrun.table(path, ...)`."""

    glob: str
    """Matched against the path below the directory; `*` and `?` stay within one folder, `**` crosses folders, `{jpg,png}` means one or the other; tabular default: names that end in `.csv` or `.csv.gz`, with `format: tsv` in `.tsv`, with `format: jsonl` in `.jsonl` or `.ndjson` (also with `.gz`), or with `format: parquet` in `.parquet` or `.pq`, in upper or lower case."""

    path_pattern: str
    """Instead of `glob`: a glob in which `{name}` stands for one or more characters of a file's or folder's name, which `partitionKeys` may use: `{user}/{genre}/*.mp3`. Files that do not match are left out and counted. See Partition keys."""

    columns: Mapping[str, str]
    """Declared types by column name: `string`, `int64`, `float64`, `bool`, `datetime`. With `format: parquet` only these columns are read."""

    format: Literal["csv", "tsv", "jsonl", "parquet"]
    """An input has one format. `tsv` is CSV with tabs. data.md compares the formats. Default: by the ending of the glob or path pattern (also with `.gz`): `tsv` for `.tsv`, `jsonl` for `.jsonl` and `.ndjson`; `parquet` for `.parquet` and `.pq`; else `csv`. Without both: by the endings of the files."""

    delimiter: str
    """What separates the fields. Default: `,`; of TSV a tab."""

    quote: str
    """What a field is quoted with that contains the delimiter or a line break; two of them in it stand for one; `""`: nothing is quoted. Default: "\\""."""

    escape: str
    """Makes the character behind it literal, for example `\\`. Default: none."""

    comment: str
    """Begins a comment, outside quotes, that goes to the end of the line, for example `#`. A line that begins with one is no record. Default: none."""

    header: bool
    """False: the first record is data; columns are named by `columnNames`, else `0`, `1`, ... (in `columns` too), as `pandas.read_csv(header=None)` has it. Default: true."""

    column_names: Sequence[str]
    """With `header: false`: the names of all columns."""

    encoding: str
    """The name of a Python codec. Default: "utf-8"."""

    na_values: Sequence[str]
    """The texts that mean a missing value (a gap). Default: those of `pandas.read_csv`; for columns declared `string`, only the empty field."""


class Settings(TypedDict, total=False):
    """Of `parallelrun.run(script, inputs, output, ...)` and `submit`, besides their parameters."""

    environment: Environment
    """The Python environment of the worker processes."""

    partition_keys: Sequence[str]
    """Names from `pathPattern`, from folders like `store=3/`, or of columns: all items of an input that have the same values are one mini-batch. Cannot be used together with `miniBatchSize`. See Partition keys."""

    mini_batch_size: Union[int, str]
    """File: a count; tabular: bytes, or `1024KB`, `10MB`, `1GB` (powers of 1024). Default: 10 files; 1MB; with `partitionKeys` none."""

    error_threshold: int
    """Number of failed items; more than that ends the job as failed; -1: no limit. Default: -1."""

    allowed_failed_count: int
    """Number of failed mini-batches; more than that ends the job as failed. A mini-batch that returned fewer elements than items counts as failed too."""

    allowed_failed_percent: float
    """The same as a percentage of all mini-batches; it is compared once all mini-batches are known."""

    node_count: int
    """Worker pods; agents on one machine. Default: 1."""

    process_count_per_node: int
    """Worker processes of each of them. Default: 1."""

    run_max_try: int
    """Tries of a mini-batch; the last one runs in a new process. Default: 3."""

    run_invocation_timeout: int
    """Inside `run`. Default: 60."""

    init_timeout: int
    """For loading the script and `init`. Default: 3 x `runInvocationTimeout` + 30."""

    resource_monitor_interval: int
    """Between two records of processor, memory and disk in `logs/perf/`; 0: off. Default: 600."""

    task_overhead_timeout: int
    """For reading a mini-batch's data and handing it to `run`, and as many for writing its result. Default: 600."""

    progress_update_timeout: int
    """A running job that makes no progress for this time fails."""

    first_task_creation_timeout: int
    """Until the first mini-batch is known. Default: 600."""

    run_retry_delay: int
    """Before the second try of a mini-batch; doubled for each further try, at most 60; 0: at once. Other mini-batches go on meanwhile. Default: 1."""

    max_mini_batches_per_process: int
    """A worker process is replaced after this number of mini-batches (for example because it leaks memory); 0: no limit. Default: 0."""

    restart_after_failure: bool
    """True: the worker process is replaced after every failed try. Default: false."""

    isolate_failures: bool
    """True: a mini-batch that failed all its tries is split, until only the items that fail count as failed; see Isolating failures. Default: false."""

    process_memory_limit: Union[int, str]
    """How much memory one worker process may allocate, such as `2Gi`. An allocation beyond it fails, in Python with `MemoryError`. That costs one try, but not the process and (on a cluster) not the pod. Each process that the worker process starts has the same limit. Private memory counts; GPU memory and shared memory do not."""

    shared_memory: Union[int, str]
    """On a cluster: the size of `/dev/shm` in worker pods, such as `2Gi`."""

    output_action: Literal["append_row", "summary_only"]
    """`append_row`: the rows that `run` returns go to one file; `summary_only`: the script stores its own results. Default: "append_row"."""

    append_row_file_name: str
    """A file name. Default: "parallel_run_step.txt"."""

    logging_level: Literal["WARNING", "INFO", "DEBUG"]
    """What `EntryScript().logger` and the files below `logs/sys/` hold; at `WARNING` only what failed. Default: "INFO"."""

    allow_reuse: bool
    """False: a job that is already complete is not taken as done; its output directory is refused. Default: true."""

    resubmission_of: str
    """On a cluster: the name of an earlier job of the namespace, with its output in the same volume. What it has done and is still good is taken over, see resubmit.md."""

    suspend: bool
    """On a cluster: while true, the job has no pods; what was committed stays. Default: `false`."""

    ttl_seconds_after_finished: int
    """On a cluster: the job is deleted this time after its end; its output stays."""

    active_deadline_seconds: int
    """On a cluster: how long the job may be active."""

    managed_by: str
    """On a cluster: the controller that runs the job; it cannot change."""

    orchestrator: Mapping[str, Any]
    """On a cluster: what the orchestrator's pod has besides, see its fields."""

    worker: Mapping[str, Any]
    """On a cluster: what worker pods have besides, see its fields."""

    output_mount_on_workers: bool
    """On a cluster: true mounts the output directory on workers too. Default: false."""

    output_add_context: bool
    """True: each row begins with the name of its input, its file and (tabular) its row there, see Rows and their items. Default: false."""

    output_columns: Sequence[str]
    """Tabular: columns of the input that each row carries along, see Rows and their items."""

    output_order: Literal["any", "input"]
    """`any`: rows stand in the order in which mini-batches end; `input`: in the order of the input, see Rows in the order of the input. Default: "any"."""


OUTPUT_FIELDS = (
    "output_mount_on_workers",
    "output_add_context",
    "output_columns",
    "output_order",
)
