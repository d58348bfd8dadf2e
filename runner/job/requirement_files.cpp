#include "runner/job/requirement_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "runner/job/conda_file.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

std::string_view trimmed_line(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\f\v");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\f\v") + 1 - begin);
}

// The value of an option in one of the forms that pip takes: "-r x", "-rx", "--long x", "--long=x".
std::optional<std::string_view> option(std::string_view line, std::string_view brief, std::string_view full) {
  if (line.starts_with(full) && line.size() > full.size()) {
    const char behind = line[full.size()];
    if (behind == '=' || behind == ' ' || behind == '\t') return trimmed_line(line.substr(full.size() + 1));
    return std::nullopt;
  }
  if (line.starts_with(brief) && !line.starts_with("--")) return trimmed_line(line.substr(brief.size()));
  return std::nullopt;
}

class Collector {
 public:
  explicit Collector(std::string source) : source_(std::move(source)) {}

  void file(const fs::path& path) {
    const std::string normal = path.lexically_normal().string();
    if (!found_.files.insert(normal).second) return;
    std::ifstream stream(normal, std::ios::binary);
    std::ostringstream all;
    all << stream.rdbuf();
    const std::string text = all.str();
    std::string joined;  // a line whose last byte is a backslash goes on in the next one
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      std::string_view line = std::string_view(text).substr(begin, end - begin);
      begin = end + 1;
      while (line.ends_with('\r')) line.remove_suffix(1);
      if (line.ends_with('\\')) {
        joined.append(line.substr(0, line.size() - 1));
        continue;
      }
      joined.append(line);
      one(joined, fs::path(normal).parent_path());
      joined.clear();
    }
    one(joined, fs::path(normal).parent_path());
  }

  void one(std::string_view line, const fs::path& folder) {
    line = trimmed_line(line);
    if (line.empty() || line.front() == '#') return;
    if (const std::size_t comment = line.find(" #"); comment != std::string_view::npos)
      line = trimmed_line(line.substr(0, comment));
    if (const Inclusion included = inclusion_of(line); !included.option.empty()) {
      if (!included.path.empty()) file(folder / included.path);
      return;
    }
    if (const auto editable = option(line, "-e", "--editable")) return package(*editable);
    if (!line.starts_with('-')) package(line);
  }

  void conda_file(const std::string& path) {
    found_.files.insert(fs::path(path).lexically_normal().string());
    const Result<CondaFile> conda = read_conda_file(path);
    if (!conda) return;
    source_ = fs::path(path).parent_path();
    for (const std::string& line : conda->pip) one(line, source_);
  }

  // As an installer looks for them: in the folder itself.
  void wheels(const std::string& folder) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      const bool package = name.ends_with(".whl") || name.ends_with(".tar.gz") || name.ends_with(".zip");
      if (package) found_.files.insert(entry->path().lexically_normal().string());
    }
  }

  RequirementFiles take() && { return std::move(found_); }

 private:
  // "./pkg[extra] ; marker", "name @ file:///x", "../x.whl": a place of this machine. Names are none.
  void package(std::string_view text) {
    if (const std::size_t at = text.find(" @ "); at != std::string_view::npos)
      text = trimmed_line(text.substr(at + 3));
    const bool by_url = text.starts_with("file:");
    if (by_url) {
      text.remove_prefix(5);
      while (text.starts_with("//")) text.remove_prefix(1);
    }
    if (text.find("://") != std::string_view::npos) return;
    text = trimmed_line(text.substr(0, std::min(text.find(" ;"), text.find(" --"))));
    const bool named = !text.starts_with('.') && text.find('/') == std::string_view::npos;
    if (text.empty() || named) return;
    fs::path place = (source_ / text).lexically_normal();
    std::error_code error;
    if (!fs::exists(place, error)) {
      if (const std::size_t extras = text.rfind('['); extras != std::string_view::npos)
        place = (source_ / trimmed_line(text.substr(0, extras))).lexically_normal();
    }
    std::string found = place.string();
    while (found.size() > 1 && found.ends_with('/')) found.pop_back();
    const bool is_directory = fs::is_directory(place, error);
    // An archive by its URL has its version in its name; a cached environment does without it once it is
    // gone.
    if (by_url && !is_directory) return;
    (is_directory ? found_.directories : found_.files).insert(found);
  }

  fs::path source_;
  RequirementFiles found_;
};

}  // namespace

bool RequirementFiles::contain(const std::string& path) const {
  if (files.contains(path)) return true;
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
       slash = path.rfind('/', slash - 1)) {
    if (directories.contains(path.substr(0, slash))) return true;
  }
  return false;
}

Inclusion inclusion_of(std::string_view line) {
  for (const auto& [brief, full] : {std::pair{"-r", "--requirement"}, std::pair{"-c", "--constraint"}}) {
    const auto included = option(trimmed_line(line), brief, full);
    if (!included) continue;
    const bool remote = included->find("://") != std::string_view::npos;
    return {full, remote ? std::string() : std::string(*included)};
  }
  return {};
}

RequirementFiles requirement_files(const std::string& source_directory, const RequirementSources& sources) {
  Collector collector(source_directory);
  if (!sources.file.empty()) collector.file(sources.file);
  for (const std::string& requirement : sources.requirements) collector.one(requirement, source_directory);
  if (!sources.wheels.empty()) collector.wheels(sources.wheels);
  if (!sources.conda_file.empty()) collector.conda_file(sources.conda_file);
  return std::move(collector).take();
}

}  // namespace parallelrun
