#include "runner/web/pages.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "common/text/presentable.h"

namespace parallelrun::web {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 500;
constexpr std::uint64_t kMostBytes = std::uint64_t{32} << 20U;

const char* type_of(const std::string& ending) {
  static const std::map<std::string, const char*> kTypes = {{".html", "text/html; charset=utf-8"},
                                                            {".js", "text/javascript; charset=utf-8"},
                                                            {".css", "text/css; charset=utf-8"},
                                                            {".svg", "image/svg+xml"},
                                                            {".png", "image/png"},
                                                            {".ico", "image/x-icon"},
                                                            {".woff2", "font/woff2"},
                                                            {".json", "application/json"},
                                                            {".webmanifest", "application/manifest+json"},
                                                            {".txt", "text/plain; charset=utf-8"}};
  const auto found = kTypes.find(ending);
  return found == kTypes.end() ? nullptr : found->second;
}

}  // namespace

Result<std::map<std::string, PageFile>> read_pages(const std::string& folder) {
  std::map<std::string, PageFile> files;
  std::error_code error;
  std::uint64_t bytes = 0;
  fs::recursive_directory_iterator entries(folder, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    std::error_code gone;
    if (entries->is_symlink(gone) || !entries->is_regular_file(gone)) continue;
    const char* type = type_of(entries->path().extension().string());
    if (type == nullptr) continue;
    bytes += entries->file_size(gone);
    if (files.size() >= kMostFiles || bytes > kMostBytes)
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("'{}' holds more than a page does; --pages names the folder of its built files",
                      presentable(folder))};
    std::ifstream file(entries->path(), std::ios::binary);
    PageFile page;
    page.bytes.assign(std::istreambuf_iterator<char>(file), {});
    page.content_type = type;
    const std::string name = "/" + entries->path().lexically_relative(folder).generic_string();
    page.lasting = name.starts_with("/assets/");
    files.emplace(name, std::move(page));
  }
  const auto index = files.find("/index.html");
  if (index == files.end())
    return Error{
        ErrorCode::kNotFound,
        fmt::format("the page is not in '{}'; in a checkout `make ui` builds it, and --pages DIR names "
                    "another folder",
                    presentable(folder))};
  files.emplace("/", index->second);
  return files;
}

std::string pages_beside(const std::string& program) {
  const fs::path base = fs::path(program).parent_path().parent_path();
  const fs::path shared = base / "share" / "parallelrun" / "ui";
  std::error_code error;
  return fs::exists(shared / "index.html", error) ? shared.string() : (base / "ui").string();
}

}  // namespace parallelrun::web
