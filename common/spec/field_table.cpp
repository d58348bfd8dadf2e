// All fields of a manifest's `spec`, each once. This drives reading (types, bounds, defaults, messages),
// writing, the job's identity, the tables of docs/reference.md (crds/reference.py makes them), and the test
// that holds crds/parallelrunjobs.yaml to it (tests/integration/spec). field.h says what the columns are.
//
// A new scalar field: a member of job_spec.h with its default, a row here, the field in crds/, a row of
// tests/manifests/cases.yaml, and the code that uses it. Then run crds/reference.py.
#include "common/spec/field_table.h"

#include "common/spec/read_spec.h"
#include "common/spec/write_spec.h"

namespace parallelrun {
namespace {

// More than the largest machines have processors. An agent looks after each of its processes.
constexpr std::int64_t kMostProcessesPerNode = 1024;
// More than the largest clusters have nodes; what the operator makes for a job grows with it.
constexpr std::int64_t kMostNodes = 10000;

constexpr std::string_view kSourceHint = "a Kubernetes volume source, or local: {path: ...} on one machine";
constexpr std::string_view kNameHint = "placeholders and options refer to it";

const Field<Input> kInput[] = {
    {.name = "name",
     .value = &Input::name,
     .required = kNameHint,
     .check = check_input_name,
     .identity = Identity::kJob,
     .about = "`[A-Za-z_][A-Za-z0-9_.-]{0,62}`, unique among inputs"},
    {.name = "type",
     .value = &Input::type,
     .otherwise = "that of the dataset, where the source names one; else `file`",
     .not_yet = {"sql", "use 'tabular' with source: {sql: {table: ... or query: ...}}"},
     .identity = Identity::kJob,
     .about = "`file`: `run` gets a list of paths; `tabular`: a `pandas.DataFrame`"},
    {.name = "source",
     .value = Structure<Input>{"source", read_input_source, write_input_source},
     .required = kSourceHint,
     .identity = Identity::kJob,
     .about =
         "a directory; of `type: file` also an object store, see [data.md](data.md#object-stores); of `type: "
         "tabular` also a table or a query of a database, see [data.md](data.md#databases); or a registered "
         "dataset, `dataset: {name, version}`, see [data.md](data.md#registered-datasets)"},
    {.name = "glob",
     .value = &Input::glob,
     .check = check_glob,
     .identity = Identity::kJob,
     .about =
         "matched against the path below the directory; `*` and `?` stay within one folder, `**` crosses "
         "folders, `{jpg,png}` means one or the other; tabular default: names that end in `.csv` or "
         "`.csv.gz`, with `format: tsv` in `.tsv`, with `format: jsonl` in `.jsonl` or `.ndjson` (also with "
         "`.gz`), or with `format: parquet` in `.parquet` or `.pq`, in upper or lower case"},
    {.name = "pathPattern",
     .value = &Input::path_pattern,
     .check = check_path_pattern,
     .identity = Identity::kJob,
     .about = "instead of `glob`: a glob in which `{name}` stands for one or more characters of a file's or "
              "folder's name, which `partitionKeys` may use: `{user}/{genre}/*.mp3`. Files that do not match "
              "are left out and counted. See [Partition keys](data.md#partition-keys)"},
    {.name = "columns",
     .value = Structure<Input>{"map", read_columns, write_columns},
     .of = FieldOf::kTabular,
     .identity = Identity::kJob,
     .about =
         "declared types by column name: `string`, `int64`, `float64`, `bool`, `datetime`. With `format: "
         "parquet` only these columns are read"},
    {.name = "format",
     .value = &Input::format,
     .follow =
         [](Input& input) {
           input.format = format_by_ending(input.glob.empty() ? input.path_pattern : input.glob);
         },
     .otherwise =
         "by the ending of the glob or path pattern (also with `.gz`): `tsv` for `.tsv`, `jsonl` "
         "for `.jsonl` and "
         "`.ndjson`; `parquet` for `.parquet` and `.pq`; else `csv`. Without both: by the endings of "
         "the files",
     .of = FieldOf::kTabular,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about = "an input has one format. `tsv` is CSV with tabs. [data.md](data.md) compares the formats"},
    {.name = "delimiter",
     .value = &Input::delimiter,
     .follow = [](Input& input) { input.delimiter = input.format == DataFormat::kTsv ? '\t' : ','; },
     .otherwise = "`,`; of TSV a tab",
     .check = check_delimiter,
     .of = FieldOf::kCsv,
     .identity = Identity::kJob,
     .about = "what separates the fields"},
    {.name = "quote",
     .value = &Input::quote,
     .check = check_quote,
     .of = FieldOf::kCsv,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about =
         "what a field is quoted with that contains the delimiter or a line break; two of them in it stand "
         "for one; `\"\"`: nothing is quoted"},
    {.name = "escape",
     .value = &Input::escape,
     .otherwise = "none",
     .check = check_escape,
     .of = FieldOf::kCsv,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about = "makes the character behind it literal, for example `\\`"},
    {.name = "comment",
     .value = &Input::comment,
     .otherwise = "none",
     .check = check_comment,
     .of = FieldOf::kCsv,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about =
         "begins a comment, outside quotes, that goes to the end of the line, for example `#`. A line that "
         "begins with one is no record"},
    {.name = "header",
     .value = &Input::header,
     .of = FieldOf::kCsv,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about = "false: the first record is data; columns are named by `columnNames`, else `0`, `1`, ... (in "
              "`columns` too), as `pandas.read_csv(header=None)` has it"},
    {.name = "columnNames",
     .value = &Input::column_names,
     .check = check_column_names,
     .of = FieldOf::kCsv,
     .identity = Identity::kJob,
     .about = "with `header: false`: the names of all columns"},
    {.name = "encoding",
     .value = &Input::encoding,
     .check = check_encoding,
     .of = FieldOf::kCsv,
     .identity = Identity::kJob,
     .about = "the name of a Python codec"},
    {.name = "naValues",
     .value = &Input::na_values,
     .otherwise = "those of `pandas.read_csv`; for columns declared `string`, only the empty field",
     .of = FieldOf::kCsv,
     .identity = Identity::kJob,
     .about = "the texts that mean a missing value (a gap)"},
};

const Field<SideInput> kSideInput[] = {
    {.name = "name",
     .value = &SideInput::name,
     .required = kNameHint,
     .check = check_side_input_name,
     .identity = Identity::kJob,
     .about = "`[A-Za-z_][A-Za-z0-9_.-]{0,62}`, unique among side inputs"},
    {.name = "source",
     .value = Structure<SideInput>{"source", read_side_input_source, write_side_input_source},
     .required = kSourceHint,
     .identity = Identity::kJob,
     .about =
         "a directory, or a single file; also in an object store; or a registered dataset, `dataset: {name, "
         "version}`"},
    {.name = "mountPath",
     .value = Structure<SideInput>{"string", read_mount_path, write_mount_path},
     .identity = Identity::kStart,
     .about = "on a cluster: where it is mounted in worker pods, see [Mount paths](#mount-paths)"},
};

const Field<Output> kOutput[] = {
    {.name = "source",
     .value = Structure<Output>{"source", read_output_source, write_output_source},
     .required = kSourceHint,
     .identity = Identity::kStart,
     .about = "the output directory; made if missing"},
    {.name = "overwrite",
     .value = &Output::overwrite,
     .identity = Identity::kStart,
     .about = "true: the job may remove another job's results from the output directory"},
    {.name = "mountOnWorkers",
     .value = &Output::mount_on_workers,
     .identity = Identity::kStart,
     .about = "on a cluster: true mounts the output directory on workers too"},
    {.name = "format",
     .value = &Output::format,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about =
         "form of the rows of `append_row`: `text`; `csv`, see [CSV results](#csv-results); `jsonl`, one "
         "JSON value for each element, see [JSON lines](#json-lines); `parquet`, see [Parquet "
         "results](#parquet-results)"},
    {.name = "addContext",
     .value = &Output::add_context,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about = "true: each row begins with the name of its input, its file and (tabular) its row there, see "
              "[Rows and their items](#rows-and-their-items)"},
    {.name = "columns",
     .value = &Output::columns,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about = "tabular: columns of the input that each row carries along, see [Rows and their "
              "items](#rows-and-their-items)"},
    {.name = "order",
     .value = &Output::order,
     .identity = Identity::kJob,
     .default_unwritten = true,
     .about = "`any`: rows stand in the order in which mini-batches end; `input`: in the order of the input, "
              "see [Rows in the order of the input](#rows-in-the-order-of-the-input)"},
};

const Field<Environment> kEnvironment[] = {
    {.name = "image",
     .value = &Environment::image,
     .check = check_image,
     .identity = Identity::kJob,
     .about = "on a cluster: the image of the workers"},
    {.name = "requirements",
     .value = &Environment::requirements,
     .check = check_requirements,
     .identity = Identity::kJob,
     .about = "pip specifiers, installed into a cached virtual environment on top of the active one"},
    {.name = "requirementsFile",
     .value = &Environment::requirements_file,
     .check = check_requirements_file,
     .identity = Identity::kJob,
     .about = "the same from a file of the source directory"},
    {.name = "condaFile",
     .value = &Environment::conda_file,
     .check = check_conda_file,
     .identity = Identity::kJob,
     .about = "a conda environment file of the source directory: its `pip:` part is installed, its Python "
              "version and other packages must be there, see [Environments](#environments)"},
    {.name = "wheels",
     .value = &Environment::wheels,
     .check = check_wheels,
     .identity = Identity::kJob,
     .about = "a folder of wheels, the only place to install from, so that no index is needed: below the "
              "source directory, or an absolute path in the workers"},
    {.name = "variables",
     .value = Structure<Environment>{"map", read_variables, write_variables},
     .identity = Identity::kJob,
     .about = "environment variables of the worker processes"},
    {.name = "env",
     .value = Structure<Environment>{"list", read_env, write_env},
     .identity = Identity::kJob,
     .about = "Kubernetes EnvVar entries. The kubelet resolves them (`$(NAME)` too). On one machine only "
              "entries with a plain `value` are used, without any change"},
};

const Field<JobSpec> kJob[] = {
    {.name = "sourceDirectory",
     .value = Structure<JobSpec>{"source", read_source_directory, write_source_directory},
     .identity = Identity::kStart,
     .about = "the folder of the script and of the modules that it imports. Its code is part of the job's "
              "identity; see [Code](#code)"},
    {.name = "entryScript",
     .value = &JobSpec::entry_script,
     .required = "the Python file with init() and run(mini_batch)",
     .check = check_entry_script,
     .identity = Identity::kJob,
     .about = "relative to the source directory; without one, an absolute path"},
    {.name = "environment",
     .value = Structure<JobSpec>{"object", read_environment, write_environment, facts_inside_environment},
     .identity = Identity::kJob,
     .about = "the Python environment of the worker processes"},
    {.name = "inputs",
     .value = Structure<JobSpec>{"list", read_inputs, write_inputs, facts_inside_inputs},
     .required = "a list of one or more inputs",
     .identity = Identity::kJob,
     .about = "at least one; all `file` or all `tabular`"},
    {.name = "sideInputs",
     .value = Structure<JobSpec>{"list", read_side_inputs, write_side_inputs, facts_inside_side_inputs},
     .identity = Identity::kJob,
     .about = "read-only, not partitioned"},
    {.name = "output",
     .value = Structure<JobSpec>{"object", read_output, write_output, facts_inside_output},
     .required = "output: {source: ...}",
     .identity = Identity::kJob,
     .about = "where results, logs and the runner's state go"},
    {.name = "partitionKeys",
     .value = &JobSpec::partition_keys,
     .check = check_partition_keys,
     .identity = Identity::kJob,
     .about = "names from `pathPattern`, from folders like `store=3/`, or of columns: all items of an input "
              "that have the same values are one mini-batch. Cannot be used together with `miniBatchSize`. "
              "See [Partition keys](data.md#partition-keys)"},
    {.name = "miniBatchSize",
     .value = Structure<JobSpec>{"integer or size", read_mini_batch_size, write_mini_batch_size},
     .otherwise = "10 files; 1MB; with `partitionKeys` none",
     .identity = Identity::kJob,
     .about = "file: a count; tabular: bytes, or `1024KB`, `10MB`, `1GB` (powers of 1024)"},
    {.name = "arguments",
     .value = &JobSpec::arguments,
     .check = check_arguments,
     .identity = Identity::kJob,
     .about = "`$(inputs.NAME)`, `$(sideInputs.NAME)`, `$(output)` become paths, also inside a string; `$$(` "
              "is a literal `$(`"},
    {.name = "errorThreshold",
     .value = &JobSpec::error_threshold,
     .bounds = {.lowest = -1, .lowest_means = "no limit"},
     .option = "--error_threshold",
     .about = "number of failed items; more than that ends the job as failed; -1: no limit"},
    {.name = "allowedFailedCount",
     .value = &JobSpec::allowed_failed_count,
     .bounds = {.lowest = -1, .lowest_means = "no limit"},
     .about =
         "number of failed mini-batches; more than that ends the job as failed. A mini-batch that returned "
         "fewer elements than items counts as failed too"},
    {.name = "allowedFailedPercent",
     .value = &JobSpec::allowed_failed_percent,
     .bounds = {.highest = 100},
     .option = "--allowed_failed_percent",
     .about = "the same as a percentage of all mini-batches; it is compared once all mini-batches are known"},
    {.name = "nodeCount",
     .value = &JobSpec::node_count,
     .bounds = {.lowest = 1, .highest = kMostNodes},
     .about = "worker pods; agents on one machine"},
    {.name = "processCountPerNode",
     .value = &JobSpec::process_count_per_node,
     .bounds = {.lowest = 1, .highest = kMostProcessesPerNode},
     .about = "worker processes of each of them"},
    {.name = "runMaxTry",
     .value = &JobSpec::run_max_try,
     .bounds = {.lowest = 1},
     .about = "tries of a mini-batch; the last one runs in a new process"},
    {.name = "runInvocationTimeout",
     .value = &JobSpec::run_invocation_timeout,
     .bounds = {.lowest = 1},
     .about = "inside `run`"},
    {.name = "initTimeout",
     .value = &JobSpec::init_timeout,
     .bounds = {.lowest = 1},
     .follow =
         [](JobSpec& job) {
           job.init_timeout = std::min(3 * job.run_invocation_timeout + std::chrono::seconds(30),
                                       std::chrono::seconds(kHighestInt));
         },
     .otherwise = "3 x `runInvocationTimeout` + 30",
     .about = "for loading the script and `init`"},
    {.name = "resourceMonitorInterval",
     .value = &JobSpec::resource_monitor_interval,
     .bounds = {.lowest_means = "off"},
     .option = "--resource_monitor_interval",
     .about = "between two records of processor, memory and disk in `logs/perf/`; 0: off"},
    {.name = "taskOverheadTimeout",
     .value = &JobSpec::task_overhead_timeout,
     .bounds = {.lowest = 1},
     .option = "--task_overhead_timeout",
     .about = "for reading a mini-batch's data and handing it to `run`, and as many for writing its result"},
    {.name = "progressUpdateTimeout",
     .value = &JobSpec::progress_update_timeout,
     .bounds = {.lowest = 1},
     .option = "--progress_update_timeout",
     .about = "a running job that makes no progress for this time fails"},
    {.name = "firstTaskCreationTimeout",
     .value = &JobSpec::first_task_creation_timeout,
     .bounds = {.lowest = 1},
     .option = "--first_task_creation_timeout",
     .about = "until the first mini-batch is known"},
    {.name = "runRetryDelay",
     .value = &JobSpec::run_retry_delay,
     .about = "before the second try of a mini-batch; doubled for each further try, at most 60; 0: at once. "
              "Other mini-batches go on meanwhile"},
    {.name = "maxMiniBatchesPerProcess",
     .value = &JobSpec::max_mini_batches_per_process,
     .about = "a worker process is replaced after this number of mini-batches (for example because it leaks "
              "memory); 0: no limit"},
    {.name = "restartAfterFailure",
     .value = &JobSpec::restart_after_failure,
     .about = "true: the worker process is replaced after every failed try"},
    {.name = "isolateFailures",
     .value = &JobSpec::isolate_failures,
     .check = check_isolate_failures,
     .about =
         "true: a mini-batch that failed all its tries is split, until only the items that fail count as "
         "failed; see [Isolating failures](#isolating-failures)"},
    {.name = "processMemoryLimit",
     .value = Size<JobSpec>{&JobSpec::process_memory_limit},
     .about =
         "how much memory one worker process may allocate, such as `2Gi`. An allocation beyond it fails, "
         "in Python with `MemoryError`. That costs one try, but not the process and (on a cluster) not "
         "the pod. Each process that the worker process starts has the same limit. Private memory counts; "
         "GPU memory and shared memory do not"},
    {.name = "sharedMemory",
     .value = Size<JobSpec>{&JobSpec::shared_memory},
     .about = "on a cluster: the size of `/dev/shm` in worker pods, such as `2Gi`"},
    {.name = "outputAction",
     .value = &JobSpec::output_action,
     .check = check_output_action,
     .identity = Identity::kJob,
     .about =
         "`append_row`: the rows that `run` returns go to one file; `summary_only`: the script stores its "
         "own results"},
    {.name = "appendRowFileName",
     .value = &JobSpec::append_row_file_name,
     .check = check_append_row_file_name,
     .identity = Identity::kJob,
     .about = "a file name"},
    {.name = "loggingLevel",
     .value = &JobSpec::logging_level,
     .about =
         "what `EntryScript().logger` and the files below `logs/sys/` hold; at `WARNING` only what failed"},
    {.name = "allowReuse",
     .value = &JobSpec::allow_reuse,
     .about = "false: a job that is already complete is not taken as done; its output directory is refused"},
    {.name = "resubmissionOf",
     .value = Verbatim::kText,
     .check = check_resubmission_of,
     .identity = Identity::kStart,
     .about =
         "on a cluster: the name of an earlier job of the namespace, with its output in the same volume. "
         "What it has done and is still good is taken over, see [resubmit.md](resubmit.md#on-a-cluster)"},
    {.name = "suspend",
     .value = Verbatim::kBoolean,
     .otherwise = "`false`",
     .about = "on a cluster: while true, the job has no pods; what was committed stays"},
    {.name = "ttlSecondsAfterFinished",
     .value = Verbatim::kSeconds,
     .about = "on a cluster: the job is deleted this time after its end; its output stays"},
    {.name = "activeDeadlineSeconds",
     .value = Verbatim::kSeconds,
     .bounds = {.lowest = 1},
     .about = "on a cluster: how long the job may be active"},
    {.name = "managedBy",
     .value = Verbatim::kText,
     .check = check_managed_by,
     .about = "on a cluster: the controller that runs the job; it cannot change"},
    {.name = "orchestrator",
     .value = Verbatim::kObject,
     .check = check_mounts_of_template,
     .about = "on a cluster: what the orchestrator's pod has besides, see [its fields](crd-reference.md)"},
    {.name = "worker",
     .value = Verbatim::kObject,
     .check = check_mounts_of_template,
     .about = "on a cluster: what worker pods have besides, see [its fields](crd-reference.md)"},
};

}  // namespace

std::span<const Field<JobSpec>> fields_of_job() { return kJob; }
std::span<const Field<Input>> fields_of_input() { return kInput; }
std::span<const Field<SideInput>> fields_of_side_input() { return kSideInput; }
std::span<const Field<Output>> fields_of_output() { return kOutput; }
std::span<const Field<Environment>> fields_of_environment() { return kEnvironment; }

}  // namespace parallelrun
