#include "runner/output/storage.h"

#include "spdlog/fmt/fmt.h"

namespace parallelrun {

Status write_atomically(Storage& storage, const std::string& path, std::string_view content) {
  const std::string aside = storage.aside(path);
  auto file = storage.open(aside);
  if (!file) return file.error();
  // An earlier failure may have left one.
  if (auto done = file.value()->truncate(0); !done) return done;
  if (auto done = file.value()->append(content); !done) return done;
  if (auto done = file.value()->sync(); !done) return done;
  return put_in_place(storage, aside, path);
}

Status put_in_place(Storage& storage, const std::string& aside, const std::string& path) {
  if (auto ours = storage.still_ours(); !ours) return ours;
  if (auto done = storage.rename(aside, path); !done) return done;
  return storage.sync_folder_of(path);
}

Status remove_asides(Storage& storage) {
  const std::string folder = ".parallelrun";
  auto names = storage.list(folder);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (name.find(kAsideMark) == std::string::npos) continue;
    if (auto done = storage.remove(folder + "/" + name); !done) return done;
  }
  return {};
}

Status make_fresh(Storage& storage, const std::string& path, std::uint64_t length) {
  const std::string aside = storage.aside(path);
  if (auto done = storage.remove(aside); !done) return done;
  if (auto done = storage.copy(path, length, aside); !done) return done;
  return put_in_place(storage, aside, path);
}

Result<std::string> read_whole(Storage& storage, const std::string& path, std::uint64_t limit) {
  auto file = storage.open(path);
  if (!file) return file.error();
  auto size = file.value()->size();
  if (!size) return size.error();
  if (*size > limit) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} has {} bytes, but it can have at most {}", path, *size, limit)};
  }
  std::string content(static_cast<std::size_t>(*size), '\0');
  auto read = file.value()->read(0, content.data(), content.size());
  if (!read) return read.error();
  content.resize(*read);
  return content;
}

}  // namespace parallelrun
