// Lists the files of a directory tree in the order in which they are planned.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"
#include "runner/input/glob.h"
#include "runner/input/listing.h"
#include "runner/plan/passed_over.h"

namespace parallelrun {

// Names a directory whatever path leads to it.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

// Empty when there is nothing at `path`.
std::optional<FileIdentity> identity_of(const std::string& path);

// Whether nothing of that name is part of an input: what begins with a dot, `lost+found`, `__MACOSX`.
bool is_left_out(std::string_view name);

// The listing of the regular files below a directory, in bytewise order of their path components:
// in every directory the entries come sorted by name, and what lies in a directory comes where its name
// stands. One directory is read and sorted when the walk reaches it, so the first files come out long
// before the tree is listed; memory holds the directories on the way down to the current one.
//
// Links to files and to directories are followed. Left out: entries that begin with a dot, `lost+found`,
// `__MACOSX` and `Options::exclude`; and, counted in `Options::passed`, links that lead nowhere or back into
// a directory above them, directories that may not be read, whatever is neither file nor directory, and where
// asked for the files that the glob does not take. Names are raw bytes. One thread at a time.
class FileWalk final : public Listing {
 public:
  struct Options {
    std::string root;                     // a directory, or a link to one
    std::string glob;                     // see Glob; empty: every file
    std::optional<FileIdentity> exclude;  // a directory that is not entered: the job's output
    std::string start_after;              // relative path of a file: the walk begins behind its place
    PassedCounts* passed = nullptr;       // must outlive the walk; null: nobody counts
    bool count_others = false;            // count files that the glob does not take, too
    bool everything = false;              // also what is_left_out() of an input
  };

  // The absolute path of a directory, with a '/' at its end: objects are named relative to it. Empty: none
  // can be made of it.
  static std::string root_of(const std::string& directory);

  // Errors: kNotFound (no such directory), kInvalidArgument (not a directory, bad glob, the root is
  // `exclude`), kIo; the message names the directory.
  static Result<FileWalk> open(Options options);

  // Errors: kIo, naming a directory that cannot be read for another reason than a missing permission; the
  // walk ends there. What vanishes under the walk is passed over. It tells no sizes: that would cost a call a
  // file.
  Result<std::optional<ListedObject>> next() override;

 private:
  struct Entry {
    std::uint64_t key = 0;  // the eight bytes behind the directory's common prefix, big-endian
    std::uint32_t offset = 0;
    std::uint16_t length = 0;
    std::uint8_t type = 0;  // d_type
  };
  enum class Kind { kFile, kDirectory, kLinkedDirectory, kBrokenLink, kDenied, kSpecial, kGone };
  struct Level {
    FileDescriptor fd;
    FileIdentity identity;
    // Of the directories above this one where it really lies, once a link asks for them.
    std::optional<std::vector<FileIdentity>> above;
    Glob::State state;
    std::string names;  // back to back
    std::vector<Entry> entries;
    std::size_t next = 0;
    std::size_t path_length = 0;  // of path_ when the walk is in this directory

    std::string_view name(const Entry& entry) const {
      return std::string_view(names).substr(entry.offset, entry.length);
    }
  };

  FileWalk(Options options, Glob glob) : options_(std::move(options)), glob_(std::move(glob)) {}

  Status enter(FileDescriptor fd, const FileIdentity& identity, Glob::State state);
  Status descend(const std::string& name, bool linked, Glob::State state);
  bool leads_back(Level& level, const FileIdentity& target) const;
  void pass(PassedKind kind, std::string_view name, std::uint64_t count = 1) const;
  Status read_entries(Level& level);
  void sort_entries(Level& level) const;
  void seek(Level& level);
  std::optional<ListedObject> found(std::string_view name) const;
  static Kind kind_of(const Level& level, const char* name, std::uint8_t type);

  Options options_;
  Glob glob_;
  std::string path_;  // of the current directory, absolute, ends in '/'
  std::size_t root_length_ = 0;
  std::vector<Level> levels_;  // the first depth_ are in use; the rest keep their memory for the next
  std::size_t depth_ = 0;
  std::vector<std::string> seek_;  // components of start_after; empty once the walk is past it
  std::unique_ptr<char[]> buffer_;
};

}  // namespace parallelrun
