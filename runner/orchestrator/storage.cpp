#include "runner/orchestrator/storage.h"

#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

Status write_atomically(Storage& storage, const std::string& path, std::string_view content) {
  const std::string next = path + ".next";
  auto file = storage.open(next);
  if (!file) return file.error();
  // An earlier crash may have left one.
  if (auto done = file.value()->truncate(0); !done) return done;
  if (auto done = file.value()->append(content); !done) return done;
  if (auto done = file.value()->sync(); !done) return done;
  if (auto done = storage.rename(next, path); !done) return done;
  return storage.sync_folder_of(path);
}

Result<std::string> read_whole(Storage& storage, const std::string& path, std::uint64_t limit) {
  auto file = storage.open(path);
  if (!file) return file.error();
  auto size = file.value()->size();
  if (!size) return size.error();
  if (*size > limit) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} has {} bytes, more than {} can be right", path, *size, limit)};
  }
  std::string content(static_cast<std::size_t>(*size), '\0');
  auto read = file.value()->read(0, content.data(), content.size());
  if (!read) return read.error();
  content.resize(*read);
  return content;
}

}  // namespace parallelrun::orchestrator
