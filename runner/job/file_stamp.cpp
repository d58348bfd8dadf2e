#include "runner/job/file_stamp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "common/hash/sha256.h"
#include "common/hash/siphash.h"
#include "common/posix/file_descriptor.h"

namespace parallelrun {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 18U;
constexpr SipKey kStampKey{0x7265757365206f66U, 0x20726573756c7473U};  // any fixed one

std::int64_t nanoseconds(const statx_timestamp& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::optional<ContentEntry> stamp_of_file(const std::string& file, int folder) {
  struct statx info{};
  constexpr unsigned kMask = STATX_TYPE | STATX_SIZE | STATX_MTIME | STATX_CTIME | STATX_INO;
  if (::statx(folder, file.c_str(), 0, kMask, &info) != 0 || !S_ISREG(info.stx_mode)) return std::nullopt;
  const std::array<std::int64_t, 3> times{nanoseconds(info.stx_mtime), nanoseconds(info.stx_ctime),
                                          static_cast<std::int64_t>(info.stx_ino)};
  const std::int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
  ContentEntry entry;
  entry.size = info.stx_size;
  entry.stamp =
      siphash(kStampKey, std::string_view(reinterpret_cast<const char*>(times.data()), sizeof(times)));
  const std::int64_t settled = now - std::chrono::nanoseconds(kFreshFile).count();
  if (std::max(times[0], times[1]) >= settled) entry.trust = ContentEntry::Trust::kDigest;
  return entry;
}

ContentEntry stamp_of_object(std::uint64_t size, std::string_view version) {
  ContentEntry entry;
  entry.size = size;
  entry.stamp = siphash(kStampKey, version);
  if (version.empty()) entry.trust = ContentEntry::Trust::kNone;
  return entry;
}

Result<std::string> digest_of_content(const std::string& file) {
  const auto failed = [&file] {
    return Error{ErrorCode::kIo, fmt::format("'{}' cannot be read: {}", file, std::strerror(errno))};
  };
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return failed();
  Sha256 digest;
  std::vector<char> buffer(kPiece);
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) return digest.raw_digest();
    digest.update(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  }
}

}  // namespace parallelrun
