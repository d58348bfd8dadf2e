// What identifies a job: inputs, code, arguments, environment, miniBatchSize and output settings. Started
// again on its output directory, a job with the same identity goes on; any other is refused. Node and
// process counts, timeouts, tries, thresholds and levels may change.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// The identifying settings, for people to read and for differing_settings(). Values of environment
// variables stand as digests: the output directory is no place for what may be a password. Where data
// lies counts as volume and subPath on a cluster. On one machine a directory is the same if it is at the same
// place, or lies to the output as it did, or is the same object of the file system: folders may be moved. The
// output's own place does not count.
nlohmann::json identifying_settings(const ResolvedJob& job);

// SHA-256 of the identifying settings; 64 hexadecimal digits.
std::string fingerprint(const ResolvedJob& job);
std::string fingerprint(const nlohmann::json& identifying_settings);

// In what `now` is another job than the one of which `before` are the identifying settings, one sentence
// part each, in bytewise order: "miniBatchSize: was 10, now 20". Of the code: see code_files.h. Empty: the
// same job, although its fingerprint may be another one: a script may have written files beside itself
// since. Takes any JSON, also of other versions.
std::vector<std::string> differing_settings(const nlohmann::json& before, const ResolvedJob& now);

// In what two settings differ, one sentence part each: "miniBatchSize: was 10, now 20".
std::vector<std::string> differing_values(const nlohmann::json& before, const nlohmann::json& now);

// Which files beside the code have changed since `before`, in words, or nothing: to be told, no more.
std::optional<std::string> changed_beside_code(const nlohmann::json& before, const ResolvedJob& now);

}  // namespace parallelrun
