// The plan on disk: mini-batches in order, one record each. It is the queue of the job: what waits to be
// leased is there and not in memory, and memory does not grow with the number of mini-batches.
//
//   header:  8 bytes "PRUNPLAN" | u32 version=2 | u32 0
//   record:  u32 length of payload | u64 checksum | payload
//   payload: u8 1 | u64 id | u32 input | u64 items | rest: descriptor          a mini-batch
//            u8 2 | u64 mini-batches | u64 items                               the end: planning is complete
//            u8 3 | rest: PassedOver                                           what a listing left out
//
// Descriptors are relative to their input, so the plan does not mind where that is.
//
// The checksum is XXH3 over length and payload, seeded with the record's number, so that bytes of another
// place do not pass.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/plan/mini_batch.h"
#include "runner/plan/passed_over.h"
#include "runner/plan/plan_storage.h"

namespace parallelrun {

// How much of a plan a reader may read: what the writer has handed to the storage. A plain value, to be
// carried from the writer's thread to the reader's.
struct PlanExtent {
  std::uint64_t bytes = 0;
  std::uint64_t mini_batches = 0;
  std::uint64_t items = 0;  // 0 counts for mini-batches whose items are not known yet
  bool complete = false;    // the end marker is among the bytes
  bool operator==(const PlanExtent&) const = default;
};

// Reads record after record. One thread at a time; another thread may append meanwhile.
class PlanReader {
 public:
  // From the start of the plan. `storage` must outlive the reader.
  explicit PlanReader(PlanStorage& storage);

  // The next mini-batch before the end of `extent`, or nothing when there is none yet (ask again with a later
  // extent) or ever. Errors: kCorrupt, kUnsupported (version), kIo.
  Result<std::optional<MiniBatch>> next(const PlanExtent& extent);

  // What has been read; `complete` once the end marker was.
  const PlanExtent& position() const { return position_; }
  // What was left out, as far as it has been read.
  const std::vector<PassedOver>& passed_over() const { return passed_over_; }

 private:
  friend class PlanWriter;
  static constexpr std::size_t kBufferBytes = 256U << 10U;

  Result<std::optional<MiniBatch>> corrupt(const std::string& what) const;
  Result<bool> fetch(std::size_t size, std::uint64_t limit);
  Status check_header();
  Result<std::optional<MiniBatch>> read_record(const PlanExtent& extent);

  PlanStorage& storage_;
  PlanExtent position_;
  std::vector<PassedOver> passed_over_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is not used yet in buffer_: the bytes from position_.bytes on
};

// Appends. Collects records and hands them to the storage in large writes. One thread at a time.
class PlanWriter {
 public:
  // Reads what is there, record by record, and cuts off a torn end. `storage` must outlive the writer.
  // Errors: kCorrupt (not a plan), kUnsupported (another version), kIo, kNoSpace.
  static Result<std::unique_ptr<PlanWriter>> open(PlanStorage& storage);

  // Of the mini-batches found by open(), the last one: where planning goes on.
  const std::optional<MiniBatch>& last_found() const { return last_found_; }
  // What open() found to have been left out.
  const std::vector<PassedOver>& passed_over() const { return passed_over_; }
  // Bytes of a torn end that open() cut off.
  std::uint64_t cut_bytes() const { return cut_bytes_; }

  // Makes all that open() found durable, though the sync of an earlier process may have failed. What the
  // first `mini_batches` need is durable for sure; the rest is written again, and a little before it. Call it
  // before append(). Errors: as flush().
  Status settle(std::uint64_t mini_batches);

  // Precondition: mini_batch.id is the number of mini-batches so far, and finish() was not called.
  // Writes when its buffer is full. Errors: as flush().
  Status append(const MiniBatch& mini_batch);
  Status append(const PassedOver& passed);
  // Appends the end marker and flushes. Errors: as flush().
  Status finish();
  // Hands everything to the storage. Errors: kNoSpace, kIo; after one, every call repeats it: the plan
  // goes on from what a new writer finds.
  Status flush();
  // flush(), then makes it durable. Commits of a mini-batch wait for this. Errors: as flush().
  Status sync();

  // What readers may read: everything that was flushed.
  const PlanExtent& flushed() const { return flushed_; }
  // With what still waits in the buffer.
  const PlanExtent& appended() const { return appended_; }

 private:
  static constexpr std::size_t kBufferBytes = 1U << 20U;

  explicit PlanWriter(PlanStorage& storage) : storage_(storage) {}
  Status recover();
  void begin_record();
  Status end_record();

  PlanStorage& storage_;
  std::string buffer_;
  std::size_t record_at_ = 0;  // of the record that is being written, in buffer_
  PlanExtent flushed_;
  PlanExtent appended_;
  // Of what open() found, about one for each kCheckpointBytes: from where settle() writes again.
  static constexpr std::uint64_t kCheckpointBytes = 256U << 10U;
  std::vector<PlanExtent> checkpoints_;
  std::optional<MiniBatch> last_found_;
  std::vector<PassedOver> passed_over_;
  std::uint64_t cut_bytes_ = 0;
  std::optional<Error> failure_;
};

}  // namespace parallelrun
