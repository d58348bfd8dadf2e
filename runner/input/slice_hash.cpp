#include "runner/input/slice_hash.h"

#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>  // with AVX2 three times as fast; the values are the same
#endif

#include <algorithm>
#include <new>
#include <vector>

#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr std::size_t kPiece = 256U << 10U;

// Calls visit(bytes) for all bytes of the range, in order.
template <typename Visit>
Status read_through(TableFile& file, std::uint64_t begin, std::uint64_t end, Visit&& visit) {
  std::vector<char> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end - begin)));
  TableStream bytes(file, begin, end);
  while (begin < end) {
    const Result<std::size_t> size = bytes.read(buffer.data(), buffer.size());
    if (!size) return size.error();
    if (*size == 0) return Error{ErrorCode::kIo, "the file has become shorter"};
    visit(std::string_view(buffer.data(), *size));
    begin += *size;
  }
  return {};
}

Status add(SliceHash& hash, TableFile& file, std::uint64_t begin, std::uint64_t end) {
  return read_through(file, begin, end, [&hash](std::string_view bytes) { hash.update(bytes); });
}

}  // namespace

struct SliceHash::State {
  XXH3_state_t* xxh = XXH3_createState();
  bool empty = true;
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(xxh); }
};

std::uint64_t slice_hash(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

SliceHash::SliceHash() : state_(std::make_unique<State>()) {
  if (state_->xxh == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state_->xxh);
}

SliceHash::~SliceHash() = default;

void SliceHash::update(std::string_view bytes) {
  state_->empty = false;
  XXH3_64bits_update(state_->xxh, bytes.data(), bytes.size());
}

std::uint64_t SliceHash::take() {
  const std::uint64_t hash = XXH3_64bits_digest(state_->xxh);
  if (!state_->empty) XXH3_64bits_reset(state_->xxh);
  state_->empty = true;
  return hash;
}

Result<std::uint64_t> slice_hash_of(TableFile& file, std::uint64_t begin, std::uint64_t end) {
  SliceHash hash;
  RETURN_IF_ERROR(add(hash, file, begin, end));
  return hash.take();
}

Result<PartHash> slice_hashes_of(TableFile& file, ByteRange whole, ByteRange part) {
  SliceHash of_whole;
  SliceHash of_part;
  RETURN_IF_ERROR(add(of_whole, file, whole.offset, part.offset));
  RETURN_IF_ERROR(read_through(file, part.offset, part.end(), [&](std::string_view bytes) {
    of_whole.update(bytes);
    of_part.update(bytes);
  }));
  RETURN_IF_ERROR(add(of_whole, file, part.end(), whole.end()));
  return PartHash{of_whole.take(), of_part.take()};
}

Result<std::uint64_t> slice_hash_of_ends(TableFile& file, std::uint64_t size) {
  if (size <= 2 * kHashedEnd) return slice_hash_of(file, 0, size);
  SliceHash hash;
  RETURN_IF_ERROR(add(hash, file, 0, kHashedEnd));
  RETURN_IF_ERROR(add(hash, file, size - kHashedEnd, size));
  return hash.take();
}

}  // namespace parallelrun
