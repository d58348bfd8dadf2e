// What the page asks of one output directory, wherever that lies: its own folder of this machine, or the
// volume of a job in a cluster, where a pod of our image answers with the same code.
#pragma once

#include <string>

#include "common/json/json.h"
#include "common/result/result.h"
#include "runner/web/log_text.h"
#include "runner/web/output_folder.h"
#include "runner/web/request.h"
#include "runner/web/timeline_reader.h"

namespace parallelrun::web {

// An output directory, by its path and opened.
struct OutputPlace {
  std::string key;   // of the job, for what is kept of it
  std::string path;  // absolute
  OutputFolder folder;
};

// `about`: "explain", "timeline", "errors", "failed", "rows", "logs", "log", "search"; `target` has the
// query. Blocks for the disk, for a bounded time. Errors: kInvalidArgument (the query, or no such question),
// kCorrupt, those of read_error().
Result<nlohmann::ordered_json> answer(const OutputPlace& place, const std::string& about,
                                      const Target& target, TimelineReader& timelines);

// What `log` asks for, and its answer.
Result<LogRange> log_range(const Target& target);
nlohmann::ordered_json log_answer(const std::string& path, LogPiece piece);

// Opened for reading. Errors: kInvalidArgument (`path` is none below logs/), those of OutputFolder::file().
Result<FileDescriptor> log_file(const OutputFolder& folder, const std::string& path);

// How large a log is; nothing: it is not there.
std::optional<std::uint64_t> log_size(const OutputFolder& folder, const std::string& path);

// The manifest as the job's own log tells it, in YAML; empty: it does not.
std::string manifest_of(const OutputFolder& folder, const std::string& name);

// Every text of the document made fit to be seen (common/text/presentable.h), in one line of JSON. What
// answers are written by: so nothing that a user's data holds leaves this program in any other form.
std::string answer_text(nlohmann::ordered_json document);

}  // namespace parallelrun::web
