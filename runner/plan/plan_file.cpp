#include "runner/plan/plan_file.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/result/try.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

constexpr std::string_view kMagic = "PRUNPLAN";
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kFrameBytes = 4 + 8;
constexpr std::uint32_t kMostPayloadBytes = 1U << 30U;  // a longer length is a forged or torn one

enum class RecordKind : std::uint8_t { kMiniBatch = 1, kEnd = 2, kPassedOver = 3 };

std::string header() {
  std::string bytes(kMagic);
  wire::Writer writer(bytes);
  writer.u32(kVersion);
  writer.u32(0);
  return bytes;
}

std::uint64_t checksum(std::string_view payload, std::uint64_t record_number) {
  return XXH3_64bits_withSeed(payload.data(), payload.size(),
                              record_number ^ (std::uint64_t{payload.size()} << 32));
}

// A plan that was created and never flushed, or flushed and never synced before the power went: parts of the
// header may then be zeroes. Anything else that is no header is somebody else's.
bool is_unfinished_header(std::string_view start) {
  const std::string whole = header();
  if (start == whole) return false;
  return std::equal(start.begin(), start.end(), whole.begin(),
                    [](char found, char expected) { return found == expected || found == '\0'; });
}

void put(char* at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

PlanReader::PlanReader(PlanStorage& storage) : storage_(storage) {}

Result<std::optional<MiniBatch>> PlanReader::corrupt(const std::string& what) const {
  return Error{ErrorCode::kCorrupt,
               "the stored plan is damaged behind byte " + std::to_string(position_.bytes) + ": " + what};
}

// Makes at least `size` unused bytes available; false when they lie behind `limit` or the end of the file.
Result<bool> PlanReader::fetch(std::size_t size, std::uint64_t limit) {
  if (buffer_.size() - begin_ >= size) return true;
  if (limit < position_.bytes || limit - position_.bytes < size) return false;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t have = buffer_.size();
  const std::size_t most = static_cast<std::size_t>(
      std::min<std::uint64_t>(std::max(size, kBufferBytes), limit - position_.bytes));
  buffer_.resize(most);
  const auto got = storage_.read_at(position_.bytes + have, buffer_.data() + have, most - have);
  buffer_.resize(have + (got ? *got : 0));
  if (!got) return got.error();
  return buffer_.size() >= size;
}

Status PlanReader::check_header() {
  const std::string_view bytes = std::string_view(buffer_).substr(begin_, kHeaderBytes);
  wire::Reader reader(bytes.substr(kMagic.size()));
  if (!bytes.starts_with(kMagic))
    return Error{ErrorCode::kCorrupt, "the stored plan does not begin like a plan"};
  if (const std::uint32_t version = reader.u32(); version != kVersion) {
    return Error{ErrorCode::kUnsupported,
                 "the stored plan has version " + std::to_string(version) + ", but this program knows " +
                     std::to_string(kVersion) +
                     "; go on with the program that began the job, or choose another output directory"};
  }
  return {};
}

Result<std::optional<MiniBatch>> PlanReader::next(const PlanExtent& extent) {
  using Found = std::optional<MiniBatch>;
  if (position_.complete) return Found();
  if (position_.bytes == 0) {
    const auto fetched = fetch(kHeaderBytes, extent.bytes);
    if (!fetched) return fetched.error();
    if (!*fetched) return Found();
    RETURN_IF_ERROR(check_header());
    begin_ += kHeaderBytes;
    position_.bytes = kHeaderBytes;
  }
  while (position_.bytes < extent.bytes && !position_.complete) {
    Result<Found> record = read_record(extent);
    if (!record || *record) return record;
  }
  return Found();
}

// Nothing: the record was no mini-batch.
Result<std::optional<MiniBatch>> PlanReader::read_record(const PlanExtent& extent) {
  using Found = std::optional<MiniBatch>;
  const auto framed = fetch(kFrameBytes, extent.bytes);
  if (!framed) return framed.error();
  if (!*framed) return corrupt("a record is cut off");
  wire::Reader frame(std::string_view(buffer_).substr(begin_, kFrameBytes));
  const std::uint32_t length = frame.u32();
  const std::uint64_t expected = frame.u64();
  if (length > kMostPayloadBytes) return corrupt("a record claims " + std::to_string(length) + " bytes");
  const auto fetched = fetch(kFrameBytes + length, extent.bytes);
  if (!fetched) return fetched.error();
  if (!*fetched) return corrupt("a record is cut off");
  const std::string_view payload = std::string_view(buffer_).substr(begin_ + kFrameBytes, length);
  if (checksum(payload, position_.mini_batches) != expected) return corrupt("a checksum does not match");

  wire::Reader reader(payload);
  const auto kind = static_cast<RecordKind>(reader.u8());
  Found found;
  if (kind == RecordKind::kMiniBatch) {
    found.emplace();
    found->id.value = reader.u64();
    found->input = reader.u32();
    found->items = reader.u64();
    if (!reader.ok() || found->id.value != position_.mini_batches)
      return corrupt("a mini-batch is out of order");
    found->descriptor = reader.rest();
    ++position_.mini_batches;
    position_.items += found->items;
  } else if (kind == RecordKind::kEnd) {
    const std::uint64_t mini_batches = reader.u64();
    const std::uint64_t items = reader.u64();
    if (!reader.done() || mini_batches != position_.mini_batches || items != position_.items) {
      return corrupt("its totals do not match its records");
    }
    position_.complete = true;
  } else if (kind == RecordKind::kPassedOver) {
    Result<PassedOver> passed = decode_passed_over(reader.rest());
    if (!passed) return corrupt(passed.error().message);
    passed_over_.push_back(std::move(*passed));
  } else {
    return corrupt("a record is of no known kind");
  }
  begin_ += kFrameBytes + length;
  position_.bytes += kFrameBytes + length;
  return found;
}

Result<std::unique_ptr<PlanWriter>> PlanWriter::open(PlanStorage& storage) {
  std::unique_ptr<PlanWriter> writer(new PlanWriter(storage));
  RETURN_IF_ERROR(writer->recover());
  return writer;
}

Status PlanWriter::recover() {
  const Result<std::uint64_t> size = storage_.size();
  if (!size) return size.error();

  PlanReader reader(storage_);
  std::string start(std::min<std::uint64_t>(*size, kHeaderBytes), '\0');
  const auto got = storage_.read_at(0, start.data(), start.size());
  if (!got) return got.error();
  if (!is_unfinished_header(start)) {
    if (start.size() < kHeaderBytes)
      return Error{ErrorCode::kCorrupt, "the stored plan does not begin like a plan"};
    const PlanExtent everything{*size, 0, 0, false};
    while (true) {
      Result<std::optional<MiniBatch>> found = reader.next(everything);
      if (!found) {
        // Without its header it is no plan. Behind it, the first record that does not pass is the torn end.
        if (found.error().code != ErrorCode::kCorrupt || reader.position().bytes == 0) return found.error();
        break;
      }
      if (!*found) break;
      last_found_ = std::move(*found);
      const std::uint64_t before = checkpoints_.empty() ? 0 : checkpoints_.back().bytes;
      if (reader.position().bytes - before >= kCheckpointBytes) checkpoints_.push_back(reader.position());
    }
  }

  appended_ = reader.position();
  passed_over_ = reader.passed_over();
  cut_bytes_ = *size - appended_.bytes;
  if (cut_bytes_ > 0) {
    RETURN_IF_ERROR(storage_.truncate(appended_.bytes));
    // Before anything is appended: behind it, what was cut off could come back after a crash.
    RETURN_IF_ERROR(storage_.sync());
  }
  flushed_ = appended_;
  if (appended_.bytes == 0) {
    buffer_ = header();
    appended_.bytes = buffer_.size();
    return flush();
  }
  return {};
}

Status PlanWriter::settle(std::uint64_t mini_batches) {
  if (failure_) return *failure_;
  std::uint64_t from = 0;
  for (const PlanExtent& checkpoint : checkpoints_) {
    if (checkpoint.mini_batches <= mini_batches) from = checkpoint.bytes;
  }
  Status written = storage_.refresh(from, flushed_.bytes - from);
  if (!written) {
    failure_ = written.error();
    return written;
  }
  return sync();
}

void PlanWriter::begin_record() {
  record_at_ = buffer_.size();
  buffer_.append(kFrameBytes, '\0');
}

Status PlanWriter::end_record() {
  const std::string_view payload = std::string_view(buffer_).substr(record_at_ + kFrameBytes);
  if (payload.size() > kMostPayloadBytes) {
    failure_ = Error{ErrorCode::kInvalidArgument,
                     "a mini-batch of more than 1 GiB cannot be stored; set a smaller miniBatchSize"};
    return *failure_;
  }
  char* frame = buffer_.data() + record_at_;
  put(frame, payload.size(), 4);
  put(frame + 4, checksum(payload, appended_.mini_batches), 8);
  appended_.bytes += kFrameBytes + payload.size();
  return {};
}

Status PlanWriter::append(const MiniBatch& mini_batch) {
  if (failure_) return *failure_;
  begin_record();
  wire::Writer writer(buffer_);
  writer.u8(static_cast<std::uint8_t>(RecordKind::kMiniBatch));
  writer.u64(mini_batch.id.value);
  writer.u32(mini_batch.input);
  writer.u64(mini_batch.items);
  buffer_ += mini_batch.descriptor;
  RETURN_IF_ERROR(end_record());
  ++appended_.mini_batches;
  appended_.items += mini_batch.items;
  if (buffer_.size() < kBufferBytes) return {};
  return flush();
}

Status PlanWriter::append(const PassedOver& passed) {
  if (failure_) return *failure_;
  begin_record();
  buffer_.push_back(static_cast<char>(RecordKind::kPassedOver));
  buffer_ += encode(passed);
  return end_record();
}

Status PlanWriter::finish() {
  if (failure_) return *failure_;
  begin_record();
  wire::Writer writer(buffer_);
  writer.u8(static_cast<std::uint8_t>(RecordKind::kEnd));
  writer.u64(appended_.mini_batches);
  writer.u64(appended_.items);
  RETURN_IF_ERROR(end_record());
  appended_.complete = true;
  return flush();
}

Status PlanWriter::flush() {
  if (failure_) return *failure_;
  if (buffer_.empty()) return {};
  if (Status written = storage_.append(buffer_); !written) {
    failure_ = written.error();
    return written;
  }
  buffer_.clear();
  flushed_ = appended_;
  return {};
}

Status PlanWriter::sync() {
  RETURN_IF_ERROR(flush());
  if (Status synced = storage_.sync(); !synced) {
    failure_ = synced.error();
    return synced;
  }
  return {};
}

}  // namespace parallelrun
