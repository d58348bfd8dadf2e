// What every x86-64 processor has.
#include <emmintrin.h>

#include "runner/input/csv_kernel_loop.h"

namespace parallelrun {
namespace {

class Sse2Block {
 public:
  [[gnu::always_inline]] explicit Sse2Block(const unsigned char* data)
      : parts_{load(data), load(data + 16), load(data + 32), load(data + 48)} {}

  [[gnu::always_inline]] std::uint64_t equal(unsigned char byte) const {
    const __m128i wanted = _mm_set1_epi8(static_cast<char>(byte));
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < 4; ++i) bits |= mask(_mm_cmpeq_epi8(parts_[i], wanted)) << (16 * i);
    return bits;
  }
  [[gnu::always_inline]] std::uint64_t at_most(unsigned char byte) const {
    const __m128i limit = _mm_set1_epi8(static_cast<char>(byte));
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < 4; ++i) {
      bits |= mask(_mm_cmpeq_epi8(_mm_min_epu8(parts_[i], limit), parts_[i])) << (16 * i);
    }
    return bits;
  }

 private:
  [[gnu::always_inline]] static __m128i load(const unsigned char* data) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
  }
  [[gnu::always_inline]] static std::uint64_t mask(__m128i bytes) {
    return static_cast<std::uint16_t>(_mm_movemask_epi8(bytes));
  }
  __m128i parts_[4];
};

void mark(const unsigned char* data, std::size_t blocks, unsigned char delimiter, unsigned char quote,
          CsvCarry& carry, std::uint64_t* ends, std::uint64_t* blanks) {
  mark_blocks<Sse2Block>(data, blocks, delimiter, quote, carry, ends, blanks);
}

void count(const std::uint64_t* ends, const std::uint64_t* blanks, std::size_t blocks, std::uint64_t& rows,
           std::uint64_t& blank_rows) {
  count_bits(ends, blanks, blocks, rows, blank_rows);
}

}  // namespace

extern const CsvKernel kCsvKernelSse2;
const CsvKernel kCsvKernelSse2{"sse2", mark, count};

}  // namespace parallelrun
