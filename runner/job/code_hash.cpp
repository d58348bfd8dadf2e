#include "runner/job/code_hash.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "common/hash/sha256.h"
#include "common/spec/utf8.h"

namespace parallelrun {
namespace {

// Any file name as text for JSON and for terminals. Backslashes are escaped as well, so that no two names
// become one.
std::string printable(std::string_view name) {
  const bool utf8 = is_utf8(name);
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '\\' || (byte >= 0x80 && !utf8)) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

Result<CodeFiles> code_files(const ResolvedJob& job) {
  CodeFiles files;
  if (job.source_directory.empty()) {
    Result<std::string> digest = sha256_of_file(job.script);
    if (!digest.ok()) return digest.error();
    files.emplace(printable(std::filesystem::path(job.script).filename().string()),
                  std::move(digest).value());
    return files;
  }
  const Result<std::map<std::string, std::string>> digests =
      sha256_of_files(job.source_directory, job.not_code);
  if (!digests.ok()) return digests.error();
  for (const auto& [name, digest] : digests.value()) files.emplace(printable(name), digest);
  return files;
}

std::string code_hash(const CodeFiles& files) {
  Sha256 hash;
  for (const auto& [name, digest] : files) {
    hash.update_framed(name);
    hash.update_framed(digest);
  }
  return hash.hex_digest();
}

}  // namespace parallelrun
