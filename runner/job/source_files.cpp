#include "runner/job/source_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "common/hash/sha256.h"
#include "common/result/try.h"
#include "runner/job/ignore_rules.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

bool never_looked_at(const std::string& name) {
  const std::string_view text = name;
  return text.empty() || text.front() == '.' || text == "__pycache__" || text == "node_modules" ||
         text.ends_with(".pyc") || text.ends_with(".ipynb") || text.ends_with(".log");
}

bool built_by_pip(const std::string& name) {
  return name == "build" || std::string_view(name).ends_with(".egg-info");
}

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream all;
  all << stream.rdbuf();
  return all.str();
}

class Lister {
 public:
  explicit Lister(const SourceOptions& options) : options_(options) {
    if (options.directory.empty()) return;
    for (const char* name : {".parallelrunignore", ".amlignore"})
      rules_.add(text_of(fs::path(options.directory) / name) + "\n");
  }

  Result<SourceListing> run() {
    if (!options_.directory.empty()) {
      RETURN_IF_ERROR(directory(options_.directory, ""));
    }
    RETURN_IF_ERROR(beside());
    std::sort(found_.files.begin(), found_.files.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return std::move(found_);
  }

 private:
  // `name`: of the directory below the source directory, with a '/' at its end, or empty.
  Status directory(const std::string& path, const std::string& name) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
      return Error{ErrorCode::kNotFound, std::string("'") + path + "' is not a directory"};
    }
    const std::pair<dev_t, ino_t> identity(status.st_dev, status.st_ino);
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) return {};
    above_.push_back(identity);
    found_.directories.push_back(path);
    std::error_code error;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
      RETURN_IF_ERROR(one(entry->path(), name));
    }
    above_.pop_back();
    if (error) return Error{ErrorCode::kIo, std::string("cannot list '") + path + "': " + error.message()};
    return {};
  }

  Status one(const fs::path& path, const std::string& folder) {
    const std::string plain = path.filename().string();
    if (never_looked_at(plain)) return {};
    const std::string name = folder + plain;
    if (std::find(options_.not_code.begin(), options_.not_code.end(), name) != options_.not_code.end())
      return {};
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return {};  // gone, or a link that leads nowhere
    const bool is_directory = S_ISDIR(status.st_mode);
    const bool required = options_.requirements.contain(path.string());
    if (rules_.leaves_out(name, is_directory)) return {};
    if (is_directory) {
      std::error_code error;
      if (fs::exists(path / "pyvenv.cfg", error) || (required && built_by_pip(plain))) return {};
      if (fs::is_symlink(path, error) && !leads_inside(path)) return {};
      return directory(path.string(), name + "/");
    }
    if (S_ISREG(status.st_mode)) found_.files.push_back({name, path.string(), required || is_code(plain)});
    return {};
  }

  // A link out of the source directory leads to data, and there may be much of it.
  bool leads_inside(const fs::path& link) const {
    std::error_code error;
    const fs::path root =
        fs::canonical(options_.directory.empty() ? link.parent_path() : fs::path(options_.directory), error);
    const fs::path target = error ? fs::path() : fs::canonical(link, error);
    return !error &&
           std::mismatch(root.begin(), root.end(), target.begin(), target.end()).first == root.end();
  }

  // What requirements read outside the source directory.
  Status beside() {
    const std::string& root = options_.directory;
    const auto inside = [&](const std::string& path) {
      return !root.empty() && path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/';
    };
    const auto name_of = [&](const std::string& path) {
      return root.empty() ? path : fs::path(path).lexically_relative(root).string();
    };
    for (const std::string& file : options_.requirements.files) {
      std::error_code error;
      if (!inside(file) && fs::is_regular_file(file, error))
        found_.files.push_back({name_of(file), file, true});
    }
    for (const std::string& package : options_.requirements.directories) {
      if (inside(package) || package == root) continue;
      RETURN_IF_ERROR(directory(package, name_of(package) + "/"));
    }
    return {};
  }

  const SourceOptions& options_;
  IgnoreRules rules_;
  SourceListing found_;
  std::vector<std::pair<dev_t, ino_t>> above_;
};

}  // namespace

bool is_code(std::string_view name) {
  return name.ends_with(".py") || name.ends_with(".pyi") || name.ends_with(".so");
}

Result<SourceListing> list_source(const SourceOptions& options) { return Lister(options).run(); }

Result<std::string> content_of(const RequirementFiles& requirements) {
  Result<SourceListing> listing = list_source({"", {}, requirements});
  if (!listing) return listing.error();
  Sha256 hash;
  for (const SourceListing::File& file : listing->files) {
    const Result<std::string> digest = sha256_of_file(file.path);
    if (!digest) return digest.error();
    // An installed package may name its place; a text that many jobs share has none.
    hash.update_framed(requirements.files.contains(file.path) ? "" : file.path);
    hash.update_framed(*digest);
  }
  return hash.hex_digest();
}

}  // namespace parallelrun
