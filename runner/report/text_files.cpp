#include "runner/report/text_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/posix/file_descriptor.h"
#include "common/posix/read_error.h"
#include "common/text/presentable.h"

namespace parallelrun::report {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10U;

Error cannot_read(const std::string& path, int number) {
  return read_error(fmt::format("'{}'", presentable(path)), number);
}

// Pieces of the file in order until `take` gives false.
Status for_each_piece(const std::string& path, const std::function<bool(std::string_view piece)>& take) {
  // Not blocked by a pipe that somebody put there.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return cannot_read(path, errno);
  std::string piece(kPiece, '\0');
  while (true) {
    const ssize_t n = read(file.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return cannot_read(path, errno);
    if (n == 0 || !take({piece.data(), static_cast<std::size_t>(n)})) return {};
  }
}

}  // namespace

Result<std::string> read_text(const std::string& path, std::size_t limit) {
  std::string text;
  const Status read = for_each_piece(path, [&](std::string_view piece) {
    text += piece;
    return text.size() <= limit;
  });
  if (!read) return read.error();
  if (text.size() > limit)
    return Error{ErrorCode::kCorrupt, fmt::format("'{}' is longer than {} bytes, which a job never writes",
                                                  presentable(path), limit)};
  return text;
}

Status for_each_line(const std::string& path, std::size_t longest,
                     const std::function<bool(std::string_view line)>& take) {
  std::string line;
  bool going_on = true;
  bool begun = false;
  const auto add = [&](std::string_view part) {
    begun = true;
    line += part.substr(0, longest - std::min(longest, line.size()));
  };
  Status read = for_each_piece(path, [&](std::string_view piece) {
    while (going_on && !piece.empty()) {
      const std::size_t end = piece.find('\n');
      add(piece.substr(0, end));
      if (end == std::string_view::npos) break;
      going_on = take(line);
      line.clear();
      begun = false;
      piece.remove_prefix(end + 1);
    }
    return going_on;
  });
  if (!read) return read;
  if (going_on && begun) take(line);
  return {};
}

}  // namespace parallelrun::report
