// The parts that parse_manifest is made of. Internal to common/spec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "common/spec/job_spec.h"
#include "common/spec/manifest.h"
#include "common/spec/object_reader.h"
#include "common/spec/problems.h"

namespace parallelrun {

inline constexpr std::int64_t kHighestInt = 2147483647;  // the API's integers are int32
// More than the largest machines have processors. An agent looks after each of its processes.
inline constexpr std::int64_t kMostProcessesPerNode = 1024;
// More than the largest clusters have nodes; what the operator makes for a job grows with it.
inline constexpr std::int64_t kMostNodes = 10000;

enum class SourceUse { kCode, kInput, kSideInput, kOutput };

// A volume source, `local`, `subPath`. Problems are told at `path`. `value` may be null: no source, no
// problem.
std::optional<Source> read_source(const nlohmann::json* value, const std::string& path, SourceUse use,
                                  Place place, Problems& problems);

std::vector<Input> read_inputs(ObjectReader& spec, Place place);
std::vector<SideInput> read_side_inputs(ObjectReader& spec, Place place);
Environment read_environment(ObjectReader& spec, bool has_source_directory);
nlohmann::json read_cluster_fields(ObjectReader& spec);

// That every placeholder among the arguments names something of the job.
void check_placeholders(ObjectReader& spec, const JobSpec& job);
// The values of options among the arguments that Azure ML's runner reads itself (--error_threshold ...), by
// the field that they stand for. The last one of a kind counts; the options stay among the arguments.
nlohmann::json fields_among_arguments(ObjectReader& spec, const std::vector<std::string>& arguments);

// The whole of a manifest.
JobSpec read_job(const nlohmann::json& document, Place place, Problems& problems);

// Why `path` cannot name something below a directory (absolute, with "..", ...); empty: it can.
std::string broken_relative_path(std::string_view path);

}  // namespace parallelrun
