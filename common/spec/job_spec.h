// The typed ParallelRunJob: what a manifest says, after defaults and validation.
//
// Each member names the field of the custom resource and, in brackets, the parameter of Azure ML's
// ParallelRunStep that it implements. Sizes are bytes, times whole seconds, unless a type says more.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"

namespace parallelrun {

enum class InputType { kFile, kTabular };
enum class DataFormat { kCsv, kTsv, kJsonLines, kParquet };  // of a tabular input; kTsv: CSV with tabs
enum class OutputAction { kAppendRow, kSummaryOnly };        // [output_action]
enum class OutputFormat { kText, kCsv, kJsonl, kParquet };   // the form of the rows of append_row
enum class OutputOrder { kAny, kInput };                     // of the rows of append_row
enum class LoggingLevel { kWarning, kInfo, kDebug };         // [logging_level]
enum class ColumnType { kString, kInt64, kFloat64, kBool, kDatetime };

// The word that a manifest has for it: "tabular", "append_row", "INFO", "int64". Lives for ever.
std::string_view to_string(InputType type);
std::string_view to_string(DataFormat format);
std::string_view to_string(OutputAction action);
std::string_view to_string(OutputFormat format);
std::string_view to_string(OutputOrder order);
std::string_view to_string(LoggingLevel level);
std::string_view to_string(ColumnType type);

// Where data or code lies: a directory of this machine, or any Kubernetes volume source.
struct Source {
  std::optional<std::string> local_path;  // `local.path`, relative to the manifest's folder; one machine only
  nlohmann::json volume;   // the volume source as it stands in the manifest; null with the others
  nlohmann::json store;    // {azureBlob | s3 | gcs | http | sql: {...}}, the same; null with the others
  nlohmann::json dataset;  // {name, version} of a ParallelRunDataset; null with the others
  std::string sub_path;    // `subPath`; empty: the whole volume

  bool operator==(const Source&) const = default;
};

struct Input {  // [inputs]
  std::string name;
  InputType type = InputType::kFile;
  Source source;
  std::string glob;  // which files; empty: all (tabular: by the format's endings)
  std::string
      path_pattern;  // `{user}/{genre}/*.wav`: which files, with names for partition_keys; empty: none
  DataFormat format = DataFormat::kCsv;  // tabular; absent: format_by_ending(glob)
  // Neither `format` nor a glob, a path pattern or an option of CSV says it: it is that of the files, and
  // `format` is CSV until somebody has looked at them (runner/input/format_of_files.h).
  bool format_of_files = false;
  std::map<std::string, ColumnType> columns;  // tabular: declared types by column name
  char delimiter = ',';                       // CSV: one ASCII character; of TSV a tab
  // CSV: ASCII characters, none of them equal to another one or the delimiter; nothing: there is none
  std::optional<char> quote = '"';
  std::optional<char> escape;             // what makes the character behind it literal
  std::optional<char> comment;            // from here to the end of the line nothing counts
  bool header = true;                     // CSV: whether the first record names the columns
  std::vector<std::string> column_names;  // CSV without a header: empty: "0", "1", ...
  std::string encoding = "utf-8";         // CSV: a Python codec name
  // CSV: the texts that mean a gap; absent: pandas' own list, and for `string` columns the empty field alone.
  std::optional<std::vector<std::string>> na_values;

  bool operator==(const Input&) const = default;
};

// The format that a glob's ending speaks for, in any case and with .gz behind it: JSON lines for .jsonl and
// .ndjson, TSV for .tsv, else CSV; Parquet for .parquet and .pq.
DataFormat format_by_ending(std::string_view glob);

// Whether it is CSV or TSV.
inline bool is_delimited(DataFormat format) {
  return format == DataFormat::kCsv || format == DataFormat::kTsv;
}

struct SideInput {  // [side_inputs]
  std::string name;
  Source source;
  std::optional<std::string> mount_path;

  bool operator==(const SideInput&) const = default;
};

struct Environment {  // [environment]
  std::string image;
  std::vector<std::string> requirements;  // pip requirement specifiers
  std::string requirements_file;          // relative to the source directory
  std::string conda_file;                 // the same; a conda environment file
  std::string wheels;                     // the only folder to install from; the same, or absolute
  std::map<std::string, std::string> variables;
  nlohmann::json env = nlohmann::json::array();  // Kubernetes EnvVar list, verbatim

  bool operator==(const Environment&) const = default;
};

struct Output {  // [output]
  Source source;
  bool overwrite = false;
  bool mount_on_workers = false;
  OutputFormat format = OutputFormat::kText;
  std::vector<std::string> columns;  // tabular: of the input, to carry along with each row
  bool add_context = false;          // each row with its input, file and (tabular) row
  OutputOrder order = OutputOrder::kAny;

  bool operator==(const Output&) const = default;
};

struct JobSpec {
  std::string name;           // metadata.name [name]
  std::string job_namespace;  // metadata.namespace; empty on one machine

  std::string entry_script;                // [entry_script]
  std::optional<Source> source_directory;  // [source_directory]
  std::uint64_t mini_batch_size = 10;  // [mini_batch_size] files, or bytes for tabular inputs (default 1 MiB)
  std::int64_t error_threshold = -1;   // [error_threshold] failed items; -1: never aborts
  std::optional<std::int64_t> allowed_failed_count;  // failed mini-batches; absent (or -1): never aborts
  std::optional<double> allowed_failed_percent;      // failed mini-batches, 0..100
  OutputAction output_action = OutputAction::kAppendRow;
  std::string append_row_file_name = "parallel_run_step.txt";  // [append_row_file_name]
  int node_count = 1;                                          // [node_count]
  int process_count_per_node = 1;                              // [process_count_per_node]
  Environment environment;
  LoggingLevel logging_level = LoggingLevel::kInfo;
  std::chrono::seconds run_invocation_timeout{60};      // [run_invocation_timeout] inside run() alone
  std::chrono::seconds init_timeout{210};               // default 3 x run_invocation_timeout + 30
  std::chrono::seconds resource_monitor_interval{600};  // [--resource_monitor_interval] 0: off
  // [--task_overhead_timeout] reading a mini-batch's data and handing it to run; and writing its result
  std::chrono::seconds task_overhead_timeout{600};
  // [--progress_update_timeout] a running job without progress for so long fails; absent: never
  std::optional<std::chrono::seconds> progress_update_timeout;
  std::chrono::seconds first_task_creation_timeout{600};  // [--first_task_creation_timeout]
  int run_max_try = 3;                                    // [run_max_try]
  // Before the second try of a mini-batch, doubled for each further one, at most 60 s; 0: at once.
  std::chrono::seconds run_retry_delay{1};
  int max_mini_batches_per_process = 0;  // a worker process is replaced after so many; 0: no limit
  bool restart_after_failure = false;    // replace the worker process after every failed try
  bool isolate_failures = false;         // split what failed all its tries, down to single items
  // What one worker process may allocate before its try fails with MemoryError, a quantity; empty: no limit.
  std::string process_memory_limit;
  std::string shared_memory;  // cluster: size of /dev/shm of workers, a quantity; empty: default
  // Columns, or names of a path pattern: all items with the same values are one mini-batch.
  std::vector<std::string> partition_keys;
  std::vector<Input> inputs;
  std::vector<SideInput> side_inputs;
  Output output;
  std::vector<std::string> arguments;  // [arguments] with placeholders, not yet expanded
  bool allow_reuse = true;             // [allow_reuse]

  // What only a cluster acts on, checked for shape and kept verbatim (null where absent):
  // suspend, ttlSecondsAfterFinished, activeDeadlineSeconds, managedBy, orchestrator, worker.
  nlohmann::json cluster = nlohmann::json::object();

  bool operator==(const JobSpec&) const = default;

  InputType input_type() const { return inputs.empty() ? InputType::kFile : inputs.front().type; }
};

}  // namespace parallelrun
