#include "runner/output/storage.h"

#include "common/result/try.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {

Status write_atomically(Storage& storage, const std::string& path, std::string_view content) {
  const std::string aside = storage.aside(path);
  auto file = storage.open(aside);
  if (!file) return file.error();
  // An earlier failure may have left one.
  RETURN_IF_ERROR(file.value()->truncate(0));
  RETURN_IF_ERROR(file.value()->append(content));
  RETURN_IF_ERROR(file.value()->sync());
  return put_in_place(storage, aside, path);
}

Status put_in_place(Storage& storage, const std::string& aside, const std::string& path) {
  RETURN_IF_ERROR(storage.still_ours());
  RETURN_IF_ERROR(storage.rename(aside, path));
  return storage.sync_folder_of(path);
}

Status remove_asides(Storage& storage) {
  const std::string folder = ".parallelrun";
  auto names = storage.list(folder);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (name.find(kAsideMark) == std::string::npos) continue;
    RETURN_IF_ERROR(storage.remove(folder + "/" + name));
  }
  return {};
}

Status make_fresh(Storage& storage, const std::string& path, std::uint64_t length) {
  const std::string aside = storage.aside(path);
  RETURN_IF_ERROR(storage.remove(aside));
  RETURN_IF_ERROR(storage.copy(path, length, aside));
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
