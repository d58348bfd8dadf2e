// Footers of Parquet files: whatever they say, the slices follow each other without a gap, have all rows of
// the file, and are the same from any of them on; and memory stays in proportion to the footer.
#include "runner/input/parquet.h"

#include <algorithm>
#include <string>
#include <vector>

#include "runner/input/parquet_footer.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_file.h"

namespace parallelrun {
namespace {

constexpr std::size_t kMostSlices = 2000;

std::vector<std::string> encoded(SliceCutter& cutter) {
  std::vector<std::string> slices;
  for (std::optional<FileSlice> slice; slices.size() < kMostSlices && (slice = cutter.next());)
    slices.push_back(encode(DescriptorKind::kParquetSlice, *slice));
  return slices;
}

// A file around a footer, or a file as it is.
std::string file_of(std::string_view thrift) {
  std::string file = "PAR1" + std::string(thrift);
  for (unsigned shift = 0; shift < 32; shift += 8) file += static_cast<char>(thrift.size() >> shift);
  return file + "PAR1";
}

FUZZ_TARGET(parquet) {
  static fuzz::ScratchFile file(".parquet");
  static const ParquetFormat format{Input{}};
  fuzz::Draw draw(bytes);
  const bool as_it_is = draw.flag();
  const std::uint64_t slice_bytes = std::uint64_t{draw.u32()} + 1;
  const std::size_t from = draw.u8();
  const std::string_view rest = draw.rest();
  file.write(as_it_is ? std::string(rest) : file_of(rest));

  const auto cutter = format.slices(slice_bytes);
  cutter->start(file.path());
  std::vector<FileSlice> slices;
  for (std::optional<FileSlice> slice; slices.size() < kMostSlices && (slice = cutter->next());)
    slices.push_back(*slice);
  const Result<ParquetFooter> footer = parse_parquet_metadata(rest);
  if (!as_it_is && !footer) {
    HOLDS(slices.size() == 1 && slices[0].check == FileSlice::Check::kSize && slices[0].records == 1);
  }
  if (slices.empty()) return HOLDS(cutter->without_records() == PassedKind::kEmptyTable);
  std::uint64_t next_row = 1;
  for (const FileSlice& slice : slices) {
    HOLDS(slice.first_row == next_row && slice.records > 0);
    HOLDS(slice.offset + slice.length == slice.file_size);
    next_row += slice.records;
  }
  if (!as_it_is && footer) {
    HOLDS(footer->groups.size() <= rest.size() && footer->column_names.size() <= rest.size());
    HOLDS(slices.size() == kMostSlices || next_row - 1 == footer->rows);
  }
  // From any of them on the rest is the same.
  const std::size_t at = from % slices.size();
  const auto again = format.slices(slice_bytes);
  again->resume_after(slices[at]);
  const std::vector<std::string> others = encoded(*again);
  for (std::size_t i = at + 1; i < slices.size(); ++i)
    HOLDS(others.at(i - at - 1) == encode(DescriptorKind::kParquetSlice, slices[i]));
  if (slices.size() < kMostSlices) HOLDS(others.size() == slices.size() - at - 1);
}

}  // namespace
}  // namespace parallelrun
