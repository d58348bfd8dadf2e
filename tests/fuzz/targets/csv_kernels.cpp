// Every kernel marks what the reference machine does, in one call and in several, and counts what it marks.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "runner/input/csv_kernel.h"
#include "tests/fuzz/csv_reference.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

constexpr std::size_t kBlock = CsvKernel::kBlock;

struct Marks {
  std::vector<std::uint64_t> ends;
  std::vector<std::uint64_t> blanks;
  bool quoted = false;
  bool field_start = true;
  bool blank = true;

  bool operator==(const Marks&) const = default;
};

Marks marked(const CsvKernel& kernel, const std::string& data, std::size_t blocks, std::size_t first,
             char delimiter) {
  Marks marks{std::vector<std::uint64_t>(blocks), std::vector<std::uint64_t>(blocks)};
  CsvCarry carry;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  const auto mark = static_cast<unsigned char>(delimiter);
  first = std::min(first, blocks);
  kernel.mark(bytes, first, mark, '"', carry, marks.ends.data(), marks.blanks.data());
  kernel.mark(bytes + first * kBlock, blocks - first, mark, '"', carry, marks.ends.data() + first,
              marks.blanks.data() + first);
  marks.quoted = carry.quoted;
  marks.field_start = carry.field_start;
  marks.blank = carry.blank;
  return marks;
}

Marks expected(const std::string& data, std::size_t blocks, char delimiter) {
  Marks marks{std::vector<std::uint64_t>(blocks), std::vector<std::uint64_t>(blocks)};
  for (const fuzz::ReferenceRecord& record : fuzz::read_csv(data, delimiter).records) {
    const std::size_t last = record.end - 1;
    if (!record.closed || last >= blocks * kBlock) continue;
    marks.ends[last / kBlock] |= std::uint64_t{1} << (last % kBlock);
    if (record.blank) marks.blanks[last / kBlock] |= std::uint64_t{1} << (last % kBlock);
  }
  return marks;
}

FUZZ_TARGET(csv_kernels) {
  fuzz::Draw draw(bytes);
  const char delimiter = fuzz::delimiter_of(draw.u8());
  const std::size_t first = draw.u8() % 8;
  std::string data(draw.rest().substr(0, 64 * kBlock));
  const std::size_t blocks = (data.size() + kBlock - 1) / kBlock;
  data.resize(blocks * kBlock + 1, 'x');  // and the byte that is looked at behind the last block

  const Marks reference = expected(data, blocks, delimiter);
  const Marks of_first = marked(*csv_kernels().front(), data, blocks, blocks, delimiter);
  for (const CsvKernel* kernel : csv_kernels()) {
    const Marks whole = marked(*kernel, data, blocks, blocks, delimiter);
    HOLDS_ELSE(kernel->name, whole.ends == reference.ends);
    HOLDS_ELSE(kernel->name, whole.blanks == reference.blanks);
    HOLDS_ELSE(kernel->name, whole == of_first);
    HOLDS_ELSE(kernel->name, marked(*kernel, data, blocks, first, delimiter) == whole);
    std::uint64_t rows = 0;
    std::uint64_t blank_rows = 0;
    kernel->count(whole.ends.data(), whole.blanks.data(), blocks, rows, blank_rows);
    const auto records = fuzz::read_csv(data, delimiter).records;
    const auto closed = [&](bool blank) {
      return std::count_if(records.begin(), records.end(), [&](const fuzz::ReferenceRecord& record) {
        return record.closed && record.end <= blocks * kBlock && (record.blank || !blank);
      });
    };
    HOLDS_ELSE(kernel->name, rows == static_cast<std::uint64_t>(closed(false)));
    HOLDS_ELSE(kernel->name, blank_rows == static_cast<std::uint64_t>(closed(true)));
  }
}

}  // namespace
}  // namespace parallelrun
