#include "runner/web/parquet_rows.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "common/posix/environment.h"
#include "common/posix/program_run.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/web/script_python.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::seconds kPatience{15};
constexpr std::size_t kColumnsAsked = 500;
constexpr std::size_t kLongestAsked = 4096;                     // characters
constexpr std::size_t kMostCharacters = std::size_t{2} << 20U;  // of all cells
constexpr std::size_t kLongestAnswer = std::size_t{32} << 20U;

// Only the columns that are shown are read, and row groups in batches. The limit of memory is counted from
// what pyarrow has taken by then: libraries reserve more on machines with more processors.
constexpr const char* kReader = R"(
import sys
del sys.path[0]  # the working directory
import json, resource
path, limit, columns, longest, most = sys.argv[1], *map(int, sys.argv[2:])

def text(value):
    if value is None or isinstance(value, str):
        words = value
    elif isinstance(value, bytes):
        words = repr(value[:longest])
    elif isinstance(value, (dict, list)):
        words = json.dumps(value, default=str, ensure_ascii=False)
    else:
        words = str(value)
    return words if words is None or len(words) <= longest else words[:longest] + "..."

def read():
    file = parquet.ParquetFile(path, pre_buffer=False)
    names = file.schema_arrow.names[:columns]
    rows, used = [], 0
    for batch in file.iter_batches(min(limit, 100), columns=names, use_threads=False):
        for row in zip(*(column.to_pylist() for column in batch.columns)):
            rows.append([text(value) for value in row])
            used += sum(len(cell) for cell in rows[-1] if cell is not None)
            if len(rows) == limit or used > most:
                return names, rows, len(rows) < file.metadata.num_rows
    return names, rows, False

try:
    import pyarrow, pyarrow.parquet as parquet
except ImportError as error:
    answer = {"missing": str(error)}
else:
    data = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (data + (2 << 30),) * 2)
    try:
        names, rows, truncated = read()
        answer = {"columns": names, "rows": rows, "truncated": truncated}
    except MemoryError:
        answer = {"large": True}
    except (pyarrow.ArrowException, OSError) as error:
        answer = {"damaged": str(error)}
print(json.dumps(answer))
)";

ordered_json none(const std::string& why) {
  return {{"columns", nullptr}, {"rows", ordered_json::array()}, {"truncated", false}, {"note", why}};
}

constexpr const char* kOtherwise = "pandas.read_parquet() reads it";

// The data process' Python has pyarrow in our images (docker/).
Result<std::string> python() {
  const std::string own = environment_variable("PARALLELRUN_DATA_PYTHON");
  if (!own.empty()) return own;
  return script_python();
}

}  // namespace

Result<ordered_json> parquet_rows(const FileDescriptor& file, std::size_t limit) {
  const auto program = python();
  if (!program)
    return none(fmt::format("rows of a Parquet file are read with Python: {}", program.error().message));
  ProgramRun run;
  run.program = *program;
  // What was opened, whatever has its name by now.
  run.arguments = {"-c",
                   kReader,
                   fmt::format("/proc/{}/fd/{}", getpid(), file.get()),
                   std::to_string(limit),
                   std::to_string(kColumnsAsked),
                   std::to_string(kLongestAsked),
                   std::to_string(kMostCharacters)};
  for (char** entry = environ; *entry != nullptr; ++entry) run.environment.emplace_back(*entry);
  run.time_limit = kPatience;
  run.longest_output = kLongestAnswer;
  const auto outcome = run_program(run);
  if (!outcome && outcome.error().code == ErrorCode::kAborted)
    return none(fmt::format("the first rows of this Parquet file cannot be read within {} s; {}",
                            kPatience.count(), kOtherwise));
  if (!outcome)
    return none(fmt::format("rows of a Parquet file are read with Python: {}", outcome.error().message));
  ordered_json answer = ordered_json::parse(outcome->output, nullptr, false);
  if (outcome->exit_code != 0 || !answer.is_object())
    return none(fmt::format("'{}' did not read the Parquet file (exit code {}): {}", presentable(*program),
                            outcome->exit_code, presentable_lines(outcome->errors)));
  if (answer.contains("missing"))
    return none(
        fmt::format("rows of a Parquet file are read with pyarrow, which '{}' does not have; start "
                    "`parallelrun ui` where the job's Python is active",
                    presentable(*program)));
  if (answer.contains("large"))
    return none(
        fmt::format("the first rows of this Parquet file need more than 2 GiB of memory; {}", kOtherwise));
  if (answer.contains("damaged"))
    return Error{ErrorCode::kCorrupt, fmt::format("the Parquet file of the output is damaged: {}",
                                                  presentable(answer["damaged"].get<std::string>()))};
  return answer;
}

}  // namespace parallelrun::web
