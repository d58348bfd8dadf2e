#include "runner/input/file_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>

#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr std::size_t kBufferBytes = 256U << 10U;
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

Error cannot_read(const std::string& directory, int error) {
  return Error{ErrorCode::kIo, "the directory '" + directory +
                                   "' cannot be read: " + std::generic_category().message(error) +
                                   "; make it readable, or exclude it with a glob"};
}

bool is_denial(int error) { return error == EACCES || error == EPERM; }

// The directories above an open one, wherever links have led to it; empty where that cannot be told.
std::vector<FileIdentity> directories_above(int fd) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
  std::vector<FileIdentity> above;
  while (!error && path.is_absolute() && path.has_relative_path()) {
    path = path.parent_path();
    if (const auto identity = identity_of(path.string())) above.push_back(*identity);
  }
  return above;
}

// The least name of those that share a fate: what is first in a directory's order, before it is sorted.
struct Left {
  std::uint64_t count = 0;
  std::string least;

  void add(std::string_view name) {
    if (count++ == 0 || name < least) least = name;
  }
};

// Eight bytes of a name as a number that sorts as they do.
std::uint64_t sort_key(std::string_view bytes) {
  std::uint64_t key = 0;
  const std::size_t size = std::min<std::size_t>(bytes.size(), 8);
  for (std::size_t i = 0; i < size; ++i) {
    key |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (56 - 8 * i);
  }
  return key;
}

std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> components;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (slash != 0) components.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return components;
}

}  // namespace

bool is_left_out(std::string_view name) {
  return name.starts_with('.') || name == "lost+found" || name == "__MACOSX";
}

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return FileIdentity{info.st_dev, info.st_ino};
}

std::string FileWalk::root_of(const std::string& directory) {
  std::error_code error;
  std::string root = std::filesystem::absolute(directory, error).string();
  if (error || directory.empty()) return {};
  if (root.back() != '/') root.push_back('/');
  return root;
}

Result<FileWalk> FileWalk::open(Options options) {
  Result<Glob> glob = Glob::compile(options.glob);
  if (!glob) return glob.error();
  std::string root = root_of(options.root);
  if (root.empty()) {
    return Error{ErrorCode::kInvalidArgument, "'" + options.root + "' is not the path of a directory"};
  }
  FileDescriptor fd(::open(root.c_str(), kDirectoryFlags));
  if (!fd) {
    if (errno == ENOENT) return Error{ErrorCode::kNotFound, "there is no directory '" + root + "'"};
    if (errno == ENOTDIR) return Error{ErrorCode::kInvalidArgument, "'" + root + "' is not a directory"};
    return cannot_read(root, errno);
  }
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return cannot_read(root, errno);
  if (options.exclude == FileIdentity{info.st_dev, info.st_ino}) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + root + "' is also the output directory; give the job another output directory"};
  }

  FileWalk walk(std::move(options), std::move(*glob));
  walk.path_ = std::move(root);
  walk.root_length_ = walk.path_.size();
  walk.seek_ = components_of(walk.options_.start_after);
  walk.buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  const FileIdentity identity{info.st_dev, info.st_ino};
  RETURN_IF_ERROR(walk.enter(std::move(fd), identity, walk.glob_.start()));
  return walk;
}

void FileWalk::pass(PassedKind kind, std::string_view name, std::uint64_t count) const {
  if (options_.passed != nullptr && count > 0)
    options_.passed->add(kind, path_.substr(root_length_).append(name), count);
}

Status FileWalk::enter(FileDescriptor fd, const FileIdentity& identity, Glob::State state) {
  if (depth_ == levels_.size()) levels_.emplace_back();
  Level& level = levels_[depth_++];
  level.fd = std::move(fd);
  level.identity = identity;
  level.above.reset();
  level.state = state;
  level.names.clear();
  level.entries.clear();
  level.next = 0;
  level.path_length = path_.size();
  RETURN_IF_ERROR(read_entries(level));
  sort_entries(level);
  if (!seek_.empty()) seek(level);
  return {};
}

Status FileWalk::read_entries(Level& level) {
  Left special;
  Left others;
  while (true) {
    const ssize_t size = ::getdents64(level.fd.get(), buffer_.get(), kBufferBytes);
    if (size < 0 && errno != ENOENT) return cannot_read(path_, errno);
    if (size <= 0) {  // the end, or removed while it was open
      pass(PassedKind::kSpecialFile, special.least, special.count);
      pass(PassedKind::kOtherEnding, others.least, others.count);
      return {};
    }
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer_.get() + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (options_.everything ? name == "." || name == ".." : is_left_out(name)) continue;
      const bool may_be_either = entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
      const bool may_be_directory = entry->d_type == DT_DIR || may_be_either;
      const bool may_be_file = entry->d_type == DT_REG || may_be_either;
      const Glob::State state = glob_.step(level.state, name);
      if (!may_be_directory && !may_be_file) {
        if (glob_.accepts(state)) special.add(name);
        continue;
      }
      if (!(may_be_file && glob_.accepts(state)) && !(may_be_directory && glob_.may_match_below(state))) {
        if (options_.count_others && entry->d_type == DT_REG) others.add(name);
        continue;
      }
      if (level.names.size() > std::numeric_limits<std::uint32_t>::max() - name.size()) {
        return Error{ErrorCode::kUnsupported,
                     "the directory '" + path_ +
                         "' has more than 4 GiB of names; spread its files over subdirectories"};
      }
      level.entries.push_back({0, static_cast<std::uint32_t>(level.names.size()),
                               static_cast<std::uint16_t>(name.size()), entry->d_type});
      level.names += name;
    }
  }
}

void FileWalk::sort_entries(Level& level) const {
  if (level.entries.empty()) return;
  // Names of one directory mostly begin alike: the key starts where they begin to differ.
  std::string_view common = level.name(level.entries.front());
  for (const Entry& entry : level.entries) {
    const std::string_view name = level.name(entry);
    if (name.starts_with(common)) continue;
    std::size_t same = 0;
    while (same < name.size() && same < common.size() && name[same] == common[same]) ++same;
    common = common.substr(0, same);
  }
  for (Entry& entry : level.entries) entry.key = sort_key(level.name(entry).substr(common.size()));
  std::sort(level.entries.begin(), level.entries.end(), [&](const Entry& a, const Entry& b) {
    return a.key != b.key ? a.key < b.key : level.name(a) < level.name(b);
  });
}

// Moves to the place of the component of start_after that belongs to this level.
void FileWalk::seek(Level& level) {
  const std::size_t at = depth_ - 1;
  const std::string& component = seek_[at];
  const auto found = std::partition_point(level.entries.begin(), level.entries.end(),
                                          [&](const Entry& entry) { return level.name(entry) < component; });
  level.next = static_cast<std::size_t>(found - level.entries.begin());
  const bool here = found != level.entries.end() && level.name(*found) == component;
  if (at + 1 == seek_.size()) {
    if (here) ++level.next;
    seek_.clear();
  } else if (!here || found->type == DT_REG) {
    seek_.clear();  // the directory has gone: what stands in its place or behind it is next
  }
}

FileWalk::Kind FileWalk::kind_of(const Level& level, const char* name, std::uint8_t type) {
  if (type == DT_REG) return Kind::kFile;
  if (type == DT_DIR) return Kind::kDirectory;
  struct stat info{};
  if (type == DT_UNKNOWN) {
    if (::fstatat(level.fd.get(), name, &info, AT_SYMLINK_NOFOLLOW) != 0)
      return is_denial(errno) ? Kind::kDenied : Kind::kGone;
    if (S_ISDIR(info.st_mode)) return Kind::kDirectory;
    if (!S_ISLNK(info.st_mode)) return S_ISREG(info.st_mode) ? Kind::kFile : Kind::kSpecial;
  }
  if (::fstatat(level.fd.get(), name, &info, 0) == 0) {
    if (S_ISDIR(info.st_mode)) return Kind::kLinkedDirectory;
    return S_ISREG(info.st_mode) ? Kind::kFile : Kind::kSpecial;
  }
  return is_denial(errno) ? Kind::kDenied : Kind::kBrokenLink;
}

// Whether the walk stands in `target` already, or below it.
bool FileWalk::leads_back(Level& level, const FileIdentity& target) const {
  for (std::size_t i = 0; i < depth_; ++i) {
    if (levels_[i].identity == target) return true;
  }
  if (!level.above) level.above = directories_above(level.fd.get());
  return std::find(level.above->begin(), level.above->end(), target) != level.above->end();
}

// Goes into the directory `name` of the current one.
Status FileWalk::descend(const std::string& name, bool linked, Glob::State state) {
  Level& level = levels_[depth_ - 1];
  FileDescriptor fd(::openat(level.fd.get(), name.c_str(), kDirectoryFlags | (linked ? 0 : O_NOFOLLOW)));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    const int error = errno;
    seek_.clear();
    if (is_denial(error)) {
      pass(PassedKind::kUnreadableDirectory, name);
      return {};
    }
    if (error == ENOENT || error == ENOTDIR || error == ELOOP) return {};
    return cannot_read(path_ + name, error);
  }
  const FileIdentity identity{info.st_dev, info.st_ino};
  const bool excluded = options_.exclude && *options_.exclude == identity;
  bool left_out = excluded;
  if (!excluded && linked) {
    left_out = leads_back(level, identity);
    if (left_out) {
      pass(PassedKind::kLoopingLink, name);
    } else if (options_.exclude) {  // below the output
      const std::vector<FileIdentity> above = directories_above(fd.get());
      left_out = std::find(above.begin(), above.end(), *options_.exclude) != above.end();
    }
  } else if (!excluded) {
    // Without a link, too: behind one the walk may come down upon its own root.
    const auto end = levels_.begin() + static_cast<std::ptrdiff_t>(depth_);
    left_out = std::any_of(levels_.begin(), end, [&](const Level& l) { return l.identity == identity; });
    if (left_out) pass(PassedKind::kLoopingLink, name);
  }
  if (left_out) {
    seek_.clear();
    return {};
  }
  path_.append(name).push_back('/');
  return enter(std::move(fd), identity, state);
}

std::optional<ListedObject> FileWalk::found(std::string_view name) const {
  return ListedObject{std::string_view(path_).substr(root_length_), name, std::nullopt, {}};
}

Result<std::optional<ListedObject>> FileWalk::next() {
  while (depth_ > 0) {
    Level& level = levels_[depth_ - 1];
    path_.resize(level.path_length);
    if (level.next == level.entries.size()) {
      level.fd.close();
      --depth_;
      continue;
    }
    const Entry& entry = level.entries[level.next++];
    const std::string_view name = level.name(entry);
    if (entry.type == DT_REG) return found(name);

    const std::string name_z(name);
    const Kind kind = kind_of(level, name_z.c_str(), entry.type);
    const Glob::State state = glob_.step(level.state, name);
    const bool is_directory = kind == Kind::kDirectory || kind == Kind::kLinkedDirectory;
    if (is_directory && glob_.may_match_below(state)) {
      if (Status gone_in = descend(name_z, kind == Kind::kLinkedDirectory, state); !gone_in) {
        depth_ = 0;
        return gone_in.error();
      }
      continue;
    }
    seek_.clear();
    if (kind == Kind::kFile && glob_.accepts(state)) {
      return found(name);
    }
    if (kind == Kind::kFile && options_.count_others) pass(PassedKind::kOtherEnding, name);
    // A link under a name that the glob does not take may have been one to a directory.
    if (!glob_.accepts(state) && (kind == Kind::kSpecial || !glob_.may_match_below(state))) continue;
    if (kind == Kind::kBrokenLink) pass(PassedKind::kBrokenLink, name);
    if (kind == Kind::kDenied) pass(PassedKind::kUnreadableDirectory, name);
    if (kind == Kind::kSpecial) pass(PassedKind::kSpecialFile, name);
  }
  return std::optional<ListedObject>();
}

}  // namespace parallelrun
