// Bytes of a file that a scan reads, kept until the records in them are done with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runner/input/table_file.h"

namespace parallelrun {

// Memory: some MB, and the longest record. One thread at a time.
class KeptBytes final : public ByteStream {
 public:
  // As TableStream.
  void start(TableFile& file, std::uint64_t begin, std::uint64_t end);
  Result<std::size_t> read(char* into, std::size_t size) override;
  // Of what has been read; offsets are those of the stream. What lies before `begin` is let go. The view
  // holds
  // until the next call.
  std::string_view bytes(std::uint64_t begin, std::uint64_t end);

 private:
  std::optional<TableStream> file_;
  std::string kept_;
  std::uint64_t base_ = 0;  // offset of kept_
};

}  // namespace parallelrun
