// Writes down what the files of a job's inputs hold while they are listed (contents.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "runner/input/file_walk.h"
#include "runner/input/listing.h"
#include "runner/job/contents.h"

namespace parallelrun {

// How much is read to take digests: what costs nothing beside a job.
struct DigestAllowance {
  std::uint64_t files = 10'000;
  std::uint64_t bytes = std::uint64_t{64} << 20U;

  // Whether a file of that size may be read; it is taken off then.
  bool take(std::uint64_t size);
};

// One thread at a time. What fails is told by finish(): a job does not end for it.
class ContentsRecorder {
 public:
  // The file appears at `path` when it is whole. Errors: kIo.
  static Result<std::unique_ptr<ContentsRecorder>> create(std::string path);

  // A listing that gives what `all` gives and records it on the way, as the part `name`. The part ends with
  // the listing; one part at a time. `root`: where its files lie, with a '/' at the end; empty: they are
  // objects of a store. This must outlive it.
  std::unique_ptr<Listing> listed(std::string name, std::string root, std::unique_ptr<Listing> all);
  // A directory with all that lies below it, or one file. `takes`: which names; empty: all. At most `most`
  // files are looked at; more are trouble.
  void directory(const std::string& name, const std::string& path,
                 const std::function<bool(std::string_view)>& takes = {},
                 const std::optional<FileIdentity>& left_out = {}, std::uint64_t most = kNoLimit);
  // A part without files.
  void note(const std::string& name, const std::string& note);
  // Nobody knows what the inputs hold, for this reason.
  void give_up(const Error& why);
  // Puts the file in its place. Errors: whatever went wrong; no file is left then. Also kConflict where
  // nobody can tell of some file whether it stays the same: it is in its place then, and says which.
  Status finish();

  // After finish(): what settle_contents() would give, where it would find nothing to do; else empty.
  const std::string& settled() const { return settled_; }

  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

 private:
  class RecordedListing;

  ContentsRecorder(std::string path, std::unique_ptr<ContentsWriter> writer)
      : path_(std::move(path)), writer_(std::move(writer)) {}
  void add(ContentEntry entry, const std::string& file);

  std::string path_;
  std::unique_ptr<ContentsWriter> writer_;
  DigestAllowance allowance_;
  DigestAllowance all_;  // of all files together
  bool few_ = true;
  bool any_digest_ = false;
  std::string settled_;
  std::optional<Error> trouble_;
  std::optional<Error> untold_;  // of the first file of which nobody can tell
  bool in_part_ = false;
};

// What is done once the job is complete: says of each file that was listed whether it may have been written
// since, takes digests where all files together are few and small, and puts the file anew in its place.
// `root_of`: as for compare_contents(). Gives the SHA-256 of the file, 64 digits. Errors: kConflict (a file
// has changed since it was listed, or nobody can tell; the message names it), kCorrupt, kNotFound, kIo.
Result<std::string> settle_contents(const std::string& path,
                                    const std::function<std::string(const std::string&)>& root_of);

}  // namespace parallelrun
