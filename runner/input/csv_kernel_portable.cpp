// Eight bytes at once in a 64-bit word: for processors without a kernel of their own.
#include <bit>
#include <cstring>

#include "runner/input/csv_kernel_loop.h"

namespace parallelrun {
namespace {

static_assert(std::endian::native == std::endian::little, "byte k of a word is bit k of its mask");

class WordBlock {
 public:
  explicit WordBlock(const unsigned char* data) { std::memcpy(words_, data, sizeof(words_)); }

  std::uint64_t equal(unsigned char byte) const {
    const std::uint64_t pattern = kOnes * byte;
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const std::uint64_t difference = words_[i] ^ pattern;
      bits |= gather(~(((difference & kLow7) + kLow7) | difference | kLow7)) << (8 * i);
    }
    return bits;
  }
  // Precondition: byte < 128.
  std::uint64_t at_most(unsigned char byte) const {
    const std::uint64_t above = kOnes * (127U - byte);
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < 8; ++i)
      bits |= gather(~(((words_[i] & kLow7) + above) | words_[i]) & kHigh) << (8 * i);
    return bits;
  }

 private:
  static constexpr std::uint64_t kOnes = 0x0101010101010101U;
  static constexpr std::uint64_t kLow7 = 0x7F7F7F7F7F7F7F7FU;
  static constexpr std::uint64_t kHigh = 0x8080808080808080U;

  // The high bit of each byte as one byte of bits.
  static std::uint64_t gather(std::uint64_t high_bits) {
    return ((high_bits >> 7) * 0x0102040810204080U) >> 56;
  }

  std::uint64_t words_[8];
};

void mark(const unsigned char* data, std::size_t blocks, unsigned char delimiter, unsigned char quote,
          CsvCarry& carry, std::uint64_t* ends, std::uint64_t* blanks) {
  mark_blocks<WordBlock>(data, blocks, delimiter, quote, carry, ends, blanks);
}

void count(const std::uint64_t* ends, const std::uint64_t* blanks, std::size_t blocks, std::uint64_t& rows,
           std::uint64_t& blank_rows) {
  count_bits(ends, blanks, blocks, rows, blank_rows);
}

}  // namespace

extern const CsvKernel kCsvKernelPortable;
const CsvKernel kCsvKernelPortable{"portable", mark, count};

}  // namespace parallelrun
