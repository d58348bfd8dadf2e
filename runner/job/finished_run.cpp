#include "runner/job/finished_run.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "common/hash/sha256.h"
#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/posix/whole_file.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::uintmax_t kLargestFile = std::uintmax_t{32} << 20U;  // settings name every file of the code

}  // namespace

Error run_file_error(const std::string& path, const char* what, int number) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return Error{full ? ErrorCode::kNoSpace : ErrorCode::kIo,
               fmt::format("'{}' cannot be {}: {}", path, what, std::strerror(number))};
}

std::string FinishedRun::key() const { return sha256_hex(compact_text(settings)); }
std::string FinishedRun::fingerprint() const { return sha256_hex(key() + contents); }

std::string text_of(const FinishedRun& run) {
  json document = {{"version", 1},
                   {"output", run.output},
                   {"name", run.name},
                   {"finished", run.finished},
                   {"settings", run.settings},
                   {"identity", run.identity},
                   {"contents", run.contents},
                   {"journal", run.journal}};
  document["check"] = sha256_hex(compact_text(document));
  return compact_text(document) + "\n";
}

std::optional<FinishedRun> finished_run_from(const std::string& text) {
  json document = json::parse(text, nullptr, false);
  const std::string check = text_at(document, "check");
  if (!document.is_object() || check.empty()) return std::nullopt;
  document.erase("check");
  if (sha256_hex(compact_text(document)) != check || document.value("version", json()) != 1)
    return std::nullopt;
  FinishedRun run{text_at(document, "output"),   text_at(document, "name"),
                  text_at(document, "finished"), object_at(document, "settings"),
                  text_at(document, "identity"), text_at(document, "contents"),
                  text_at(document, "journal")};
  if (!run.output.starts_with('/')) return std::nullopt;
  return run;
}

std::optional<std::string> read_run_file(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size > kLargestFile) return std::nullopt;  // also what is no file: opening a pipe would wait
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Status write_whole(const std::string& path, const std::string& text) {
  const int error = write_whole_file(path, text, {.durable_name = false});
  return error == 0 ? Status() : run_file_error(path, "written", error);
}

}  // namespace parallelrun
