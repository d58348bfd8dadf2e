// The steps of a commit log as bytes (commit_log.h has the form), and doing them again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "runner/output/log_store.h"
#include "runner/output/storage.h"

namespace parallelrun {

enum class LogKind : std::uint8_t { kSteps = 1, kClaim = 2, kBase = 3 };

std::string append_step(std::string_view path, std::uint64_t offset, std::string_view bytes);
std::string truncate_step(std::string_view path, std::uint64_t size);
std::string rename_step(std::string_view path, std::string_view to);
std::string remove_step(std::string_view path);
std::string remove_tree_step(std::string_view path);
std::string copy_step(std::string_view path, std::uint64_t length, std::string_view to);
std::string fetch_step(std::string_view path, const LogObject& object);

std::string log_object(LogKind kind, std::uint64_t number, std::string_view token, std::string_view payload);

struct ReadLogObject {
  LogKind kind = LogKind::kSteps;
  std::uint64_t number = 0;
  std::string payload;
};
// Errors: kCorrupt, naming the object.
Result<ReadLogObject> read_log_object(const std::string& name, std::string_view bytes);

// Does steps again, in a directory in which all steps before them were done.
class StepReplay {
 public:
  // `fetch` appends to the file what a published object holds.
  using Fetch = std::function<Status(const LogObject& object, File& file)>;
  StepReplay(Storage& into, Fetch fetch) : into_(into), fetch_(std::move(fetch)) {}

  // `from`: the object that holds them, for messages. Errors: kCorrupt (they do not fit to what is there),
  // kNoSpace, kIo, those of `fetch`.
  Status apply(const std::string& from, std::string_view steps);

 private:
  Result<File*> file(const std::string& path);

  Storage& into_;
  const Fetch fetch_;
  std::map<std::string, std::unique_ptr<File>> files_;  // that are open
};

}  // namespace parallelrun
