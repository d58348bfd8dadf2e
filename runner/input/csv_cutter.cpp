#include "runner/input/csv_cutter.h"

#include <limits>
#include <string_view>
#include <utility>

#include "runner/input/csv_dialect.h"
#include "runner/input/csv_stream.h"

namespace parallelrun {

CsvCutter::CsvCutter(Options options)
    : FileCutter(options.slice_bytes, *options.files), format_(std::move(options.format)) {}

void CsvCutter::begin_scan(ByteStream& records) { scan_.start(records, format_.dialect, true); }

RecordStride CsvCutter::count_wide_records(CsvLayout layout) {
  const RecordStride unknown{.records = 1};
  const std::string encoding = normalised_encoding(format_.encoding);
  const bool big_endian = encoding.ends_with("be") || encoding.ends_with("bigunmarked");
  TableStream bytes(file(), 0, file_size());
  NarrowedStream narrowed(bytes, layout == CsvLayout::kUtf16 ? 2 : 4, big_endian);
  scan_.start(narrowed, format_.dialect);
  if (!format_.header) {
    const auto all = scan_.next(std::numeric_limits<std::uint64_t>::max());
    return all && !scan_.ended_in_quotes() ? *all : unknown;
  }
  const auto header = scan_.next(0);
  if (!header) return unknown;
  if (header->at_end) return scan_.ended_in_quotes() ? unknown : RecordStride{};
  const auto rest = scan_.next(std::numeric_limits<std::uint64_t>::max());
  return rest ? *rest : unknown;
}

// Takes the first record from bytes [begin, end) of the file, without blank ones before it. Empty: they
// cannot be read.
std::optional<std::string> CsvCutter::read_header(std::uint64_t begin, std::uint64_t end) {
  Result<std::string> read = read_exactly(file(), begin, end);
  if (!read) return std::nullopt;
  std::string header = std::move(*read);
  std::size_t first = 0;
  csv::Place place = csv::Place::kFieldStart;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto byte = static_cast<unsigned char>(header[i]);
    if (csv::is_break(byte)) {
      first = i + 1;
    } else if (!csv::stays_blank(place, byte, format_.dialect)) {
      break;
    }
    place = csv::next(place, byte, format_.dialect);
  }
  header.erase(0, first);
  return header;
}

void CsvCutter::begin(std::string_view head) {
  using Check = FileSlice::Check;
  if (is_other_format(head)) return whole_file(1, Check::kBytes);
  const CsvLayout layout = layout_of(format_);
  if (layout == CsvLayout::kOpaque) return whole_file(0, Check::kBytes);
  if (layout != CsvLayout::kBytes) {
    if (const RecordStride all = count_wide_records(layout); all.records > 0) {
      return whole_file(all.records, Check::kBytes, 1 + all.blanks_before);
    }
    return no_records(PassedKind::kHeaderOnlyTable);
  }

  const bool marked = is_utf8_encoding(format_.encoding) && head.starts_with(kUtf8Mark);
  const std::uint64_t begin = marked ? kUtf8Mark.size() : 0;
  begin_scan(stream_from(begin));
  const auto record = scan_.next(0);
  if (!record) return whole_file(1, Check::kSize);
  if (!format_.header && record->records == 0 && !scan_.ended_in_quotes()) {
    return no_records(PassedKind::kEmptyTable);
  }
  if (record->at_end && format_.header) {
    if (scan_.ended_in_quotes()) return whole_file(1, Check::kBytes);
    return no_records(record->records == 0 ? PassedKind::kEmptyTable : PassedKind::kHeaderOnlyTable);
  }
  if (record->end > kMostHeaderBytes) return whole_file(0, Check::kBytes);
  std::optional<std::string> header = read_header(begin, begin + record->end);
  if (!header) return whole_file(1, Check::kSize);
  if (format_.header) return cut_from(record->end, std::move(*header));
  begin_scan(stream_from(begin));
  cut_from(0, std::move(*header));
}

}  // namespace parallelrun
