#include "runner/job/code_hash.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "common/hash/sha256.h"
#include "common/spec/utf8.h"

namespace parallelrun {

std::string printable_name(std::string_view name) {
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

SourceOptions source_options(const ResolvedJob& job) {
  SourceOptions options{job.source_directory, job.not_code, {}};
  if (job.source_directory.empty()) return options;
  const Environment& environment = job.spec.environment;
  const auto path_of = [&](const std::string& file) {
    return file.empty() ? file
                        : (std::filesystem::path(job.source_directory) / file).lexically_normal().string();
  };
  RequirementSources sources{environment.requirements, path_of(environment.requirements_file),
                             path_of(environment.conda_file)};
  // Wheels of an image or a mounted volume are not seen by everybody who hashes the code.
  if (!environment.wheels.starts_with('/')) sources.wheels = path_of(environment.wheels);
  options.requirements = requirement_files(job.source_directory, sources);
  return options;
}

namespace {

Result<SourceDigests> digests_of(const ResolvedJob& job, bool with_others) {
  SourceDigests digests;
  if (job.source_directory.empty()) {
    Result<std::string> digest = sha256_of_file(job.script);
    if (!digest.ok()) return digest.error();
    digests.code.emplace(printable_name(std::filesystem::path(job.script).filename().string()),
                         std::move(digest).value());
    return digests;
  }
  const Result<SourceListing> listing = list_source(source_options(job));
  if (!listing) return listing.error();
  for (const SourceListing::File& file : listing->files) {
    // The script is code whatever its name.
    const bool code = file.code || file.path == job.script;
    if (!code && !with_others) continue;
    Result<std::string> digest = sha256_of_file(file.path);
    if (!digest.ok()) return digest.error();
    (code ? digests.code : digests.other).emplace(printable_name(file.name), std::move(digest).value());
  }
  return digests;
}

}  // namespace

Result<SourceDigests> source_digests(const ResolvedJob& job) { return digests_of(job, true); }

Result<CodeFiles> code_files(const ResolvedJob& job) {
  Result<SourceDigests> digests = digests_of(job, false);
  if (!digests) return digests.error();
  return std::move(digests->code);
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
