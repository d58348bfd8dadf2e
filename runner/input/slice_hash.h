// By what the bytes of a slice are known again: XXH3 of 64 bits without a seed. The worker computes it too
// (runner/process/slice_hash.c).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "common/result/result.h"
#include "runner/input/table_file.h"
#include "runner/store/byte_range.h"

namespace parallelrun {

// The hash of one piece.
std::uint64_t slice_hash(std::string_view bytes);

// The same over pieces that come one after the other. One thread at a time.
class SliceHash {
 public:
  SliceHash();
  ~SliceHash();
  SliceHash(const SliceHash&) = delete;
  SliceHash& operator=(const SliceHash&) = delete;

  void update(std::string_view bytes);
  // Of all bytes since the last take().
  std::uint64_t take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Of bytes [begin, end) of a table, which are read. Errors: kIo, also where it ends before.
Result<std::uint64_t> slice_hash_of(TableFile& file, std::uint64_t begin, std::uint64_t end);

// Of a slice of a table and of a part of it, from the same bytes, which are read once. Errors: kIo, also
// where it ends before.
struct PartHash {
  std::uint64_t whole = 0;
  std::uint64_t part = 0;
};
Result<PartHash> slice_hashes_of(TableFile& file, ByteRange whole, ByteRange part);

// Of a packed file, which only a worker unpacks: of its first and last 64 KiB, where its checksums stand, so
// that a large one is not read twice. Errors: kIo.
inline constexpr std::uint64_t kHashedEnd = 64U << 10U;
Result<std::uint64_t> slice_hash_of_ends(TableFile& file, std::uint64_t size);

}  // namespace parallelrun
