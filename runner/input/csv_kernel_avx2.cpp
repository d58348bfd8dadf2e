// Compiled with AVX2 and POPCNT; csv_kernel.cpp calls it only where the processor has them.
#include <immintrin.h>

#include "runner/input/csv_kernel_loop.h"

namespace parallelrun {
namespace {

class Avx2Block {
 public:
  [[gnu::always_inline]] explicit Avx2Block(const unsigned char* data)
      : low_(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(data))),
        high_(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + 32))) {}

  [[gnu::always_inline]] std::uint64_t equal(unsigned char byte) const {
    const __m256i wanted = _mm256_set1_epi8(static_cast<char>(byte));
    return bits(_mm256_cmpeq_epi8(low_, wanted), _mm256_cmpeq_epi8(high_, wanted));
  }
  [[gnu::always_inline]] std::uint64_t at_most(unsigned char byte) const {
    const __m256i limit = _mm256_set1_epi8(static_cast<char>(byte));
    return bits(_mm256_cmpeq_epi8(_mm256_min_epu8(low_, limit), low_),
                _mm256_cmpeq_epi8(_mm256_min_epu8(high_, limit), high_));
  }

 private:
  [[gnu::always_inline]] static std::uint64_t bits(__m256i low, __m256i high) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
           (std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(high))} << 32);
  }
  __m256i low_;
  __m256i high_;
};

void mark(const unsigned char* data, std::size_t blocks, unsigned char delimiter, unsigned char quote,
          CsvCarry& carry, std::uint64_t* ends, std::uint64_t* blanks) {
  mark_blocks<Avx2Block>(data, blocks, delimiter, quote, carry, ends, blanks);
}

void count(const std::uint64_t* ends, const std::uint64_t* blanks, std::size_t blocks, std::uint64_t& rows,
           std::uint64_t& blank_rows) {
  count_bits(ends, blanks, blocks, rows, blank_rows);
}

}  // namespace

extern const CsvKernel kCsvKernelAvx2;
const CsvKernel kCsvKernelAvx2{"avx2", mark, count};

}  // namespace parallelrun
