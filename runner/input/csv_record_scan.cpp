#include "runner/input/csv_record_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "common/result/try.h"
#include "runner/input/csv_dialect_scan.h"

namespace parallelrun {
namespace {

constexpr std::uint64_t kBlock = CsvKernel::kBlock;

// Bits 0..bit.
std::uint64_t up_to(unsigned bit) { return ~std::uint64_t{0} >> (63U - bit); }

}  // namespace

CsvRecordScan::CsvRecordScan(const CsvKernel& kernel)
    : kernel_(kernel),
      // One block more: the rest that waits for its neighbour, and the byte behind the last block.
      buffer_(std::make_unique_for_overwrite<unsigned char[]>(kBufferBytes + 2 * kBlock)),
      ends_(std::make_unique_for_overwrite<std::uint64_t[]>(kBlocks + 1)),
      blanks_(std::make_unique_for_overwrite<std::uint64_t[]>(kBlocks + 1)) {}

void CsvRecordScan::start(ByteStream& stream, const CsvDialect& dialect, bool hashed) {
  stream_ = &stream;
  dialect_ = dialect;
  carry_ = CsvCarry{};
  stream_ended_ = false;
  last_row_counted_ = false;
  base_ = 0;
  last_end_ = 0;
  hashed_ = hashed;
  hashed_to_ = 0;
  if (std::exchange(hash_begun_, false)) hash_.take();
  bytes_ = 0;
  blocks_ = 0;
  block_ = 0;
}

// Marks the next blocks. The byte behind the last of them is known, so one block at most waits for more.
Status CsvRecordScan::refill() {
  const std::size_t done = blocks_ * kBlock;
  const std::size_t kept = bytes_ - done;
  if (hashed_) hash_up_to(base_ + done);  // they go
  std::memmove(buffer_.get(), buffer_.get() + done, kept);
  base_ += done;
  bytes_ = kept;
  blocks_ = 0;
  block_ = 0;
  while (bytes_ <= kBlock && !stream_ended_) {
    Result<std::size_t> size = stream_->read(reinterpret_cast<char*>(buffer_.get()) + bytes_, kBufferBytes);
    if (!size) return size.error();
    stream_ended_ = *size == 0;
    bytes_ += *size;
  }
  if (!stream_ended_) {
    blocks_ = (bytes_ - 1) / kBlock;
  } else {
    // White space behind the end neither ends a record nor makes it less blank.
    blocks_ = (bytes_ + kBlock - 1) / kBlock;
    std::memset(buffer_.get() + bytes_, dialect_.delimiter == ' ' ? '\t' : ' ',
                blocks_ * kBlock + 1 - bytes_);
  }
  if (dialect_.is_simple()) {
    kernel_.mark(buffer_.get(), blocks_, dialect_.delimiter, static_cast<unsigned char>(dialect_.quote),
                 carry_, ends_.get(), blanks_.get());
  } else {
    mark_records(buffer_.get(), blocks_, dialect_, carry_, ends_.get(), blanks_.get());
  }
  return {};
}

void CsvRecordScan::hash_up_to(std::uint64_t end) {
  if (end <= hashed_to_) return;
  hash_.update({reinterpret_cast<const char*>(buffer_.get()) + (hashed_to_ - base_), end - hashed_to_});
  hash_begun_ = true;
  hashed_to_ = end;
}

// Of the stride that ends at `end`; all of it or its last part is in the buffer.
std::uint64_t CsvRecordScan::take_hash(std::uint64_t end) {
  if (hash_begun_) {
    hash_up_to(end);
    hash_begun_ = false;
    return hash_.take();
  }
  const std::uint64_t begin = std::exchange(hashed_to_, end);
  return slice_hash({reinterpret_cast<const char*>(buffer_.get()) + (begin - base_), end - begin});
}

Result<CsvRecordScan::Stride> CsvRecordScan::next(std::uint64_t least_end) {
  Result<Stride> stride = stride_to(least_end);
  if (stride && hashed_) stride->hash = take_hash(stride->end);
  return stride;
}

bool CsvRecordScan::count_blanks(std::size_t stop, std::uint64_t& rows) const {
  for (std::size_t b = block_; b < stop; ++b) {
    const std::uint64_t records = ends_[b] & ~blanks_[b];
    const std::uint64_t before = records == 0 ? ends_[b] : ends_[b] & ((records & -records) - 1);
    rows += static_cast<unsigned>(std::popcount(before));
    if (records != 0) return true;
  }
  return false;
}

Result<CsvRecordScan::Stride> CsvRecordScan::stride_to(std::uint64_t least_end) {
  Stride stride;
  std::uint64_t blank_rows = 0;
  bool begun = false;  // a record has been passed that is not blank
  while (true) {
    if (block_ == blocks_) {
      if (stream_ended_) break;
      RETURN_IF_ERROR(refill());
      continue;
    }

    // Blocks that end before least_end only count.
    if (least_end > base_ + (block_ + 1) * kBlock) {
      const std::size_t stop = std::min<std::uint64_t>(blocks_, (least_end - base_ - 1) / kBlock);
      if (!begun) begun = count_blanks(stop, stride.blanks_before);
      kernel_.count(ends_.get() + block_, blanks_.get() + block_, stop - block_, stride.rows, blank_rows);
      for (std::size_t b = stop; b > block_; --b) {
        if (ends_[b - 1] == 0) continue;
        last_end_ = base_ + (b - 1) * kBlock + static_cast<unsigned>(std::bit_width(ends_[b - 1]));
        break;
      }
      block_ = stop;
      continue;
    }

    const std::uint64_t begin = base_ + block_ * kBlock;
    const std::uint64_t ends = ends_[block_];
    const std::uint64_t records = ends & ~blanks_[block_];
    const std::uint64_t first_allowed = least_end > begin + 1 ? least_end - begin - 1 : 0;  // bit, below 64
    std::uint64_t candidates = ends & (~std::uint64_t{0} << first_allowed);
    if (!begun) {  // not before the first one of this block
      begun = count_blanks(block_ + 1, stride.blanks_before);
      candidates = records == 0 ? 0 : candidates & (~std::uint64_t{0} << std::countr_zero(records));
    }
    const std::uint64_t passed =
        candidates == 0 ? ~std::uint64_t{0} : up_to(static_cast<unsigned>(std::countr_zero(candidates)));
    if (const std::uint64_t passed_ends = ends & passed; passed_ends != 0) {
      stride.rows += static_cast<unsigned>(std::popcount(passed_ends));
      blank_rows += static_cast<unsigned>(std::popcount(blanks_[block_] & passed));
      last_end_ = begin + static_cast<unsigned>(std::bit_width(passed_ends));
    }
    if (candidates != 0) {
      ends_[block_] = ends & ~passed;
      blanks_[block_] &= ~passed;
      stride.end = last_end_;
      stride.records = stride.rows - blank_rows;
      // Before the end of the stream at least one byte is kept unmarked, so this is exact.
      stride.at_end = stream_ended_ && base_ + bytes_ == last_end_;
      return stride;
    }
    ++block_;
  }

  // The last record has no line break.
  const std::uint64_t size = base_ + bytes_;
  if (size > last_end_ && !last_row_counted_) {
    last_row_counted_ = true;
    ++stride.rows;
    if (carry_.blank) {
      ++blank_rows;
      if (!begun) ++stride.blanks_before;
    }
  }
  last_end_ = size;
  stride.end = size;
  stride.records = stride.rows - blank_rows;
  stride.at_end = true;
  return stride;
}

}  // namespace parallelrun
