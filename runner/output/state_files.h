// The small files beside the journal: column types, result, success mark, and the failed items of a new run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/output/storage.h"
#include "runner/plan/column_types.h"
#include "runner/progress/progress.h"

namespace parallelrun {

inline constexpr const char* kTypesPath = ".parallelrun/types.json";
inline constexpr const char* kResultPath = ".parallelrun/result.json";
inline constexpr const char* kSuccessPath = "_SUCCESS";

// types.json: [{"input": 0, "types": {"a": "int64"}}, ...]
Status write_types(Storage& storage, const std::vector<InputInfo>& types);
// Empty without the file. Errors: kCorrupt, kIo.
Result<std::map<std::uint32_t, InputInfo>> read_types(Storage& storage);

// Of a complete job: what its output file was made of, unless there are items that failed, which may be tried
// again.
Status remove_staged(Storage& storage, const std::string& path, const Counts& counts);

// result.json, and _SUCCESS for kComplete.
Status write_end_marks(Storage& storage, const JobResult& result);

// Where the failed_items.jsonl of a run is prepared.
std::string next_failed_items_path(std::uint64_t run);
// Puts it in its place, if that has not been done. Durable when it returns.
Status install_failed_items(Storage& storage, std::uint64_t run);

// The first unlike errors in failed_items.jsonl.
Result<std::vector<ScriptError>> read_first_errors(Storage& storage);

}  // namespace parallelrun
