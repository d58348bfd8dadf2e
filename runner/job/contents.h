// What the files of a job's inputs held when they were listed, as a file of its own: enough to tell later
// whether they still hold the same, mostly without reading them. [allow_reuse]
//
// A file is the same while its size, its times (of its bytes and of its inode) and its inode are. Where
// these differ and the sizes do not, its SHA-256 decides, if it was taken. A file that was written just
// before it was listed may be written again without any other trace (as git's "racy" files): there the
// SHA-256 alone decides. An object of a store is the same while its size and version (etag) are.
//
//   file    8 bytes magic | parts | u8 0 | 32 bytes SHA-256 of all before
//   part    u8 1 | text name | text note | entries | u8 2 | varint entries | varint bytes
//   entry   u8 3 | varint shared | text rest | varint size | u8 trust | u64 stamp | text sha256
//
// A text is a varint length and its bytes; a path is the first `shared` bytes of the one before it, and
// `rest`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/hash/sha256.h"
#include "common/posix/file_descriptor.h"
#include "common/result/result.h"

namespace parallelrun {

inline constexpr const char* kContentsPath = ".parallelrun/contents";  // below the output directory

struct ContentEntry {
  enum class Trust : std::uint8_t {
    kStamp = 0,   // the same stamp is the same content
    kDigest = 1,  // only the same SHA-256 is
    kNone = 2,    // nobody can tell
  };
  std::string path;         // below its place; empty: the place is a file itself
  std::uint64_t size = 0;   // bytes
  std::uint64_t stamp = 0;  // of times and inode, or of the version
  Trust trust = Trust::kStamp;
  std::string sha256;  // 32 bytes; empty: not taken
};

// A place whose files are listed: an input, a side input, a folder of modules.
struct ContentPart {
  std::string name;  // "input images"
  std::string note;  // what there is to say of it beside its files
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

// Appends in constant memory. One thread at a time. After an error it is of no use.
class ContentsWriter {
 public:
  // Makes the file anew. Errors of all: kIo, naming it.
  static Result<std::unique_ptr<ContentsWriter>> create(const std::string& path);

  Status begin(std::string_view name, std::string_view note = {});
  Status add(const ContentEntry& entry);
  Status end();
  // The file is whole; not synced. Gives its SHA-256.
  Result<std::string> finish();

 private:
  ContentsWriter(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Status flush(std::size_t limit);
  Status write_out(std::string_view bytes);

  std::string path_;
  FileDescriptor fd_;
  std::string buffer_;
  std::string last_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  Sha256 digest_;
};

// Reads it in order, in constant memory. Trusts nothing: errors are kCorrupt, kNotFound, kIo.
class ContentsReader {
 public:
  static Result<std::unique_ptr<ContentsReader>> open(const std::string& path);

  // The next part, or false at the end of the file, which is then known to be whole. What is left of the part
  // before is passed over.
  Result<bool> next_part(ContentPart& part);
  // The next entry of the part, or false at its end.
  Result<bool> next(ContentEntry& entry);
  // Of the part that has ended.
  std::uint64_t entries() const { return entries_; }
  std::uint64_t bytes() const { return bytes_; }
  // Of the whole file; after its end.
  const std::string& sha256() const { return sha256_; }

 private:
  ContentsReader(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Error damaged() const;
  bool need(std::size_t bytes);
  void digest_up_to_here();
  std::string_view take(std::size_t bytes);
  std::uint8_t u8();
  std::uint64_t u64();
  std::uint64_t varint();
  std::string_view text(std::size_t longest);

  std::string path_;
  FileDescriptor fd_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t digested_ = 0;
  bool broken_ = false;
  bool in_part_ = false;
  std::string last_;
  std::uint64_t seen_entries_ = 0;
  std::uint64_t seen_bytes_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  Sha256 digest_;
  std::string sha256_;
};

// All parts of it. Errors: as ContentsReader.
Result<std::vector<ContentPart>> parts_of_contents(const std::string& path);

struct ContentDifference {
  std::uint64_t added = 0;
  std::uint64_t removed = 0;
  std::uint64_t changed = 0;       // their size or content
  std::uint64_t untold = 0;        // other times, and no SHA-256 that could say more
  std::uint64_t notes = 0;         // parts with another note
  std::string part;                // that of the first
  std::vector<std::string> first;  // "a.txt is new", at most 3

  std::uint64_t all() const { return added + removed + changed + untold + notes; }
};
// "input images: 2 files changed, 1 file is new (a.txt changed, ...)".
std::string in_words(const ContentDifference& difference);

// Compares two such files. `root_of` gives where the files of a part lie now, with a '/' at its end (or the
// path of the file itself), for those that have to be read; empty: they cannot be read. With `first_only` it
// ends at the first difference.
Result<ContentDifference> compare_contents(const std::string& before, const std::string& now,
                                           const std::function<std::string(const std::string&)>& root_of,
                                           bool first_only);

// One by one, in the order of the files.
struct ContentVisit {
  enum class What : std::uint8_t { kNew, kGone, kChanged, kUntold, kNote, kPart };
  // A file that holds what it held.
  std::function<void(const std::string& part, const std::string& path)> same;
  // `words`: "a.txt changed"; of a note, what differs in it. kPart: the parts are not alike from there on,
  // and the comparison ends.
  std::function<void(const std::string& part, What what, const std::string& path, const std::string& words)>
      differs;
};
// The same comparison, to its end.
Status visit_contents(const std::string& before, const std::string& now,
                      const std::function<std::string(const std::string&)>& root_of,
                      const ContentVisit& visit);

// Of some files of a part, below `root` (ends in '/'): which ones do not hold what they held when `contents`
// was written. In words: "a.txt changed". Others are passed over. Errors: as ContentsReader.
Result<std::vector<std::string>> changed_since(const std::string& contents, const std::string& part,
                                               const std::string& root, const std::set<std::string>& names);

}  // namespace parallelrun
