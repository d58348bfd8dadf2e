// Walks over the lines of a stream in strides.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "common/result/result.h"
#include "runner/input/byte_stream.h"
#include "runner/input/record_stride.h"
#include "runner/input/slice_hash.h"

namespace parallelrun {

// Lines that are not blank; a last one needs no line break. Blank is what has nothing but spaces, tabs and
// CR.
std::uint64_t count_lines(std::string_view bytes);

// As CsvRecordScan, where a record is a line that ends at LF. Bounded memory (256 KiB), however long a line
// is. One thread at a time.
class LineScan {
 public:
  LineScan();

  // Begins a stream, which must live as long as it is scanned.
  void start(ByteStream& stream);
  // Moves on to the first end of a line that lies at `least_end` or behind and has at least one line that is
  // not blank before it. Errors: kIo.
  Result<RecordStride> next(std::uint64_t least_end);

 private:
  static constexpr std::size_t kBufferBytes = 256U << 10U;

  // Whether bytes are there, after a read where needed. Errors: kIo.
  Result<bool> fill();
  void pass(std::size_t size);

  ByteStream* stream_ = nullptr;
  std::unique_ptr<char[]> buffer_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  std::uint64_t offset_ = 0;  // of at_ in the stream
  SliceHash hash_;
};

}  // namespace parallelrun
