// Walks over the records of a stream of CSV bytes in strides: the boundary scan.
#pragma once

#include <cstdint>
#include <memory>

#include "common/result/result.h"
#include "runner/input/byte_stream.h"
#include "runner/input/csv_dialect.h"
#include "runner/input/csv_kernel.h"
#include "runner/input/record_stride.h"
#include "runner/input/slice_hash.h"

namespace parallelrun {

// Finds record boundaries in one pass with bounded memory (about 320 KiB, kept from stream to stream),
// however long a record is. One thread at a time.
class CsvRecordScan {
 public:
  using Stride = RecordStride;

  // `kernel`: one of csv_kernels().
  explicit CsvRecordScan(const CsvKernel& kernel = *csv_kernels().front());

  // Begins a stream, which must begin with a record and live as long as it is scanned. `hashed`: each stride
  // tells the hash of its bytes.
  void start(ByteStream& stream, const CsvDialect& dialect, bool hashed = false);

  // Moves on to the first end of a record that lies at `least_end` or behind and has at least one record
  // that is not blank before it; a last record needs no line break. Errors: kIo.
  Result<Stride> next(std::uint64_t least_end);

  // After the end: the last record has a quote that never closes.
  bool ended_in_quotes() const { return carry_.quoted; }

 private:
  static constexpr std::size_t kBufferBytes = 256U << 10U;
  static constexpr std::size_t kBlocks = kBufferBytes / CsvKernel::kBlock;

  Status refill();
  Result<Stride> stride_to(std::uint64_t least_end);
  // Adds to `rows` those of blocks [block_, stop) before the first record that is not blank. Whether there is
  // one.
  bool count_blanks(std::size_t stop, std::uint64_t& rows) const;
  void hash_up_to(std::uint64_t end);
  std::uint64_t take_hash(std::uint64_t end);

  const CsvKernel& kernel_;
  ByteStream* stream_ = nullptr;
  CsvDialect dialect_;
  CsvCarry carry_;
  bool stream_ended_ = false;
  bool last_row_counted_ = false;
  std::uint64_t base_ = 0;      // offset in the stream of the first block in the buffer
  std::uint64_t last_end_ = 0;  // offset behind the last record end that was passed
  bool hashed_ = false;
  bool hash_begun_ = false;      // of the next stride, in hash_
  std::uint64_t hashed_to_ = 0;  // offset in the stream
  SliceHash hash_;
  std::size_t bytes_ = 0;   // in the buffer
  std::size_t blocks_ = 0;  // of them marked, in blocks
  std::size_t block_ = 0;   // the next to be passed
  std::unique_ptr<unsigned char[]> buffer_;
  std::unique_ptr<std::uint64_t[]> ends_;  // bits of ends that were passed are cleared
  std::unique_ptr<std::uint64_t[]> blanks_;
};

}  // namespace parallelrun
