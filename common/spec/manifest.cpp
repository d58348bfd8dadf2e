#include "common/spec/manifest.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>
#include <utility>

#include "common/json/members.h"
#include "common/spec/manifest_text.h"
#include "common/spec/overrides.h"
#include "common/spec/read_spec.h"

namespace parallelrun {
namespace {

Result<std::string> read_bounded(std::istream& stream, std::string_view name) {
  std::string text(kMaxManifestBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return Error{ErrorCode::kIo, fmt::format("cannot read '{}'", name)};
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxManifestBytes) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}' is larger than {} bytes; is it a manifest?", name, kMaxManifestBytes)};
  }
  return text;
}

}  // namespace

ParsedSpec parse_manifest_document(const nlohmann::json& document, Place place) {
  Problems problems;
  ParsedSpec parsed;
  parsed.spec = read_job(document, place, problems);
  parsed.problems = problems.take();
  return parsed;
}

ParsedSpec parse_manifest(std::string_view text, const ParseOptions& options) {
  return parse_manifest_text(text, options).parsed;
}

ManifestText parse_manifest_text(std::string_view text, const ParseOptions& options,
                                 const std::string& code_folder) {
  Problems problems;
  Document document = parse_document(text, options.format, problems);
  ManifestText read;
  ParsedSpec& parsed = read.parsed;
  if (!problems.empty()) {
    parsed.problems = problems.take();
    return read;
  }
  if (document.root.is_null()) {
    parsed.problems.push_back({"", "the manifest is empty", 0});
    return read;
  }
  const auto applied = apply_overrides(document.root, options.overrides, problems);
  if (const nlohmann::json& spec = object_at(document.root, "spec");
      !code_folder.empty() && !spec.empty() && !spec.contains("sourceDirectory"))
    document.root["spec"]["sourceDirectory"]["local"]["path"] = code_folder;
  parsed.spec = read_job(document.root, options.place, problems);
  parsed.problems = problems.take();
  name_overrides(applied, parsed.problems);
  for (SpecProblem& problem : parsed.problems) {
    if (problem.line == 0 && !problem.path.empty() && !is_option(problem))
      problem.line = document.line_of(problem.path);
  }
  read.document = std::move(document.root);
  return read;
}

Result<std::string> read_manifest_file(const std::filesystem::path& path) {
  if (path == "-") return read_bounded(std::cin, "standard input");
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  const std::string name = path.string();
  if (status.type() == std::filesystem::file_type::not_found) {
    return Error{ErrorCode::kNotFound, fmt::format("there is no file '{}'", shown(name))};
  }
  if (error) return Error{ErrorCode::kIo, fmt::format("cannot read '{}': {}", shown(name), error.message())};
  if (std::filesystem::is_directory(status)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}' is a directory; name the manifest file", shown(name))};
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    return Error{ErrorCode::kIo,
                 fmt::format("cannot read '{}': {}", shown(name), std::generic_category().message(errno))};
  }
  return read_bounded(stream, shown(name));
}

}  // namespace parallelrun
