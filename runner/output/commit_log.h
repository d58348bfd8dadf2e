// The output of a job in a store, as long as it runs: a log of numbered objects. Each holds what was done to
// the files of the output directory since the one before: bytes that were appended, files that were cut,
// renamed or removed. Whoever replays all of them in order has the directory, on any machine.
//
//   .parallelrun/log/00000000000000000017   made on the condition that there is none of that name
//   .parallelrun/segments/<number>-<token>  what many of them held, in one object
//
//   object   8 bytes "PRUNLOG1" | u8 kind | u64 number | bytes token | payload | u64 checksum of all that
//   payload  kSteps    steps, one after the other; so is a segment
//            kClaim    bytes: who works here now, as JSON for people; empty: nobody any more
//            kBase     bytes: the last claim | u32 count | count x bytes: the names of segments. What they
//                      hold is all that there was before it
//   step     u8 type, then
//            kAppend   bytes path | u64 offset | bytes
//            kTruncate bytes path | u64 size
//            kRename   bytes path | bytes to
//            kRemove   bytes path         kRemoveTree  the same, with all below it
//            kCopy     bytes path | u64 length | bytes to
//            kFetch    bytes path | bytes object | u64 size | bytes version: the file is what that object
//                      holds
//
// A successor makes the next number, with a claim. Its predecessor wants to make the same number, finds it
// taken, and is no owner any more: so nobody needs a lock, and an owner that stood still harms nothing.
//
// A claim is never removed: it has the number that the predecessor will ask for, whenever it goes on.
//
// So that a long job is not a long list, the log is put together from time to time: a segment, then a base
// that names it and those before it, then what came before the base is removed, but for claims.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/output/log_store.h"
#include "runner/output/storage.h"

namespace parallelrun {

class StepReplay;

inline constexpr const char* kLogFolder = ".parallelrun/log/";
inline constexpr const char* kSegmentFolder = ".parallelrun/segments/";

// May be used from several threads.
class CommitLog {
 public:
  struct Options {
    std::string token;  // of this process alone: random, not empty
    std::string claim;  // JSON: who this is
    // Of the claim of one who has made the next number: what we, whom it passed by, are told; none: kAborted,
    // since it goes on with the job.
    std::function<std::optional<Error>(std::string_view claim)> passed_by = {};
    std::uint64_t objects_to_segment = 512;       // so many, or
    std::uint64_t bytes_to_segment = 32U << 20U;  // so many bytes, become one segment
    std::uint64_t most_pending = 16U << 20U;      // bytes that wait for the next ship()
    std::uint64_t bytes_of_segment = 16U << 20U;  // of rewrite()
  };

  // Whether there is a log in the store.
  static Result<bool> exists(LogStore& store);
  // Replays the log into `local`, which `clear` makes empty, and writes nothing. `store`, `local` and what
  // `clear` needs must outlive this. Errors: kCorrupt (the log is damaged, and the way out), kUnsupported
  // (another version's), kNoSpace, kIo, those of `clear`.
  static Result<std::unique_ptr<CommitLog>> open(LogStore& store, Storage& local,
                                                 std::function<Status()> clear, Options options);
  // Makes the next number: from then on the job is ours, and a predecessor's is no number any more. What one
  // has made since open() is replayed too, so `local` may hold something else than it did. (Nothing is
  // pending, and no file of `local` is open.) Errors: as open(); kAborted (others claim it all the time).
  Status claim();
  // Begins anew: what the log held is given up, and the job is ours. Errors: as claim().
  static Result<std::unique_ptr<CommitLog>> begin_anew(LogStore& store, Storage& local, Options options);

  // The claim of a predecessor that has not said that it has ended; empty: there was none.
  const std::string& predecessor() const { return predecessor_; }

  // Steps that were done. Waits for ship() where too many bytes are pending. Errors: those of ship().
  Status append(const std::string& path, std::uint64_t offset, std::string_view bytes);
  Status truncate(const std::string& path, std::uint64_t size);
  Status rename(const std::string& path, const std::string& to);
  Status remove(const std::string& path);
  Status remove_tree(const std::string& path);
  Status copy(const std::string& path, std::uint64_t length, const std::string& to);

  // What was done so far is in the store after it. After an error every later call gives the same. Errors:
  // kAborted (another has made the next number), what Options::passed_by gives, kIo.
  Status ship();
  // Whether ship() would say that the job is another's; asks nobody.
  Status still_ours() const;

  // The log anew, as short as it can be: it holds `files` and nothing else. `published`: files that
  // are whole objects of the store, by path; they are named and not copied, so these objects must not change
  // before the next rewrite(). Errors: those of ship().
  Status rewrite(const std::vector<std::string>& files, const std::map<std::string, LogObject>& published);
  // Whether the log names objects that rewrite() was told of.
  bool names_published() const { return names_published_; }
  // Asks the store whether the job is ours. Errors: those of ship().
  Status prove();
  // Says that nobody works here any more. An error is no harm.
  void release();

 private:
  CommitLog(LogStore& store, Storage& local, Options options)
      : store_(store), local_(local), options_(std::move(options)) {}

  Status read_anew();
  Status replay();
  StepReplay steps_again();
  Status take(const std::string& step);
  Status make_next(std::string_view object);  // holding shipping_
  Error passed_by();                          // holding shipping_
  Status make_base(std::vector<std::string> segments);
  Status to_segment();
  Status fail(const Error& error);
  std::string segment_name() const;
  Status remove_unnamed_segments();

  LogStore& store_;
  Storage& local_;
  const Options options_;
  std::function<Status()> clear_;  // makes local_ empty
  std::string predecessor_;

  std::mutex adding_;    // of pending_
  std::string pending_;  // steps

  std::mutex shipping_;                   // of what follows, and of store_
  std::uint64_t number_ = 0;              // the last that is in the store
  std::vector<std::uint64_t> removable_;  // numbers of objects that a base may take the place of
  std::uint64_t base_ = 0;                // the last base
  std::vector<std::string> segments_;
  std::string tail_;  // the steps of the objects since the last base
  std::uint64_t segments_made_ = 0;
  bool names_published_ = false;

  mutable std::mutex failing_;
  std::optional<Error> failure_;
};

}  // namespace parallelrun
