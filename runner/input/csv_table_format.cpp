#include "runner/input/csv_table_format.h"

#include "common/json/json.h"
#include "runner/input/column_declarations.h"
#include "runner/input/csv_cutter.h"
#include "runner/input/csv_delimiter.h"
#include "runner/input/csv_header.h"
#include "runner/input/csv_piece.h"
#include "runner/input/csv_record_fields.h"
#include "runner/input/csv_record_scan.h"

namespace parallelrun {

CsvTableFormat::CsvTableFormat(const Input& input)
    : input_(input), format_{dialect_of(input), input.encoding, input.header} {}

std::string CsvTableFormat::default_glob() const {
  return input_.format == DataFormat::kTsv ? "**/*.[tT][sS][vV]{,.[gG][zZ]}"
                                           : "**/*.[cC][sS][vV]{,.[gG][zZ]}";
}

std::string CsvTableFormat::default_endings() const {
  return input_.format == DataFormat::kTsv ? ".tsv or .tsv.gz" : ".csv or .csv.gz";
}

std::string CsvTableFormat::nothing_in(std::uint64_t objects) const {
  if (!format_.header) return "no record";
  return objects == 1 ? "only a header and no record" : "only headers and no record";
}

std::unique_ptr<SliceCutter> CsvTableFormat::make_slices(std::uint64_t slice_bytes, TableFiles& files) const {
  return std::make_unique<CsvCutter>(CsvCutter::Options{format_, slice_bytes, &files});
}

std::optional<RecordPiece> CsvTableFormat::records_in(std::string_view piece, const FileSlice& first,
                                                      bool at_file_end) const {
  return find_records(piece, format_.dialect, count_fields(first.header, format_.dialect), at_file_end);
}

Result<std::optional<SlicePart>> CsvTableFormat::find_items(ByteStream& slice, ItemRange range) const {
  CsvRecordScan scan;
  scan.start(slice, format_.dialect);
  return walk_to_items(range, [&scan] { return scan.next(0); });
}

std::optional<PassedKind> CsvTableFormat::other_header(std::string_view first, std::string_view other) const {
  if (!format_.header) {  // they are first records
    const bool alike = count_fields(first, format_.dialect) == count_fields(other, format_.dialect);
    return alike ? std::nullopt : std::optional(PassedKind::kOtherColumns);
  }
  switch (compare_headers(first, other, format_.dialect)) {
    case HeaderMatch::kOtherOrder:
      return PassedKind::kOtherColumnOrder;
    case HeaderMatch::kOtherColumns:
      return PassedKind::kOtherColumns;
    case HeaderMatch::kSame:
      break;
  }
  return std::nullopt;
}

std::unique_ptr<RecordFields> CsvTableFormat::record_fields(TableFiles& files) const {
  return std::make_unique<CsvRecordFields>(input_, files);
}

std::optional<std::string> CsvTableFormat::warning(const std::vector<FileSlice>& sample) const {
  return delimiter_warning(input_, sample);
}

void CsvTableFormat::tell_worker(nlohmann::json& entry) const {
  entry["columns"] = declared_columns(input_);
  entry["delimiter"] = std::string(1, input_.delimiter);
  entry["encoding"] = input_.encoding;
  // The rest only where it is not the usual (csv_dialect.py).
  const auto text = [](std::optional<char> character) {
    return character ? std::string(1, *character) : std::string();
  };
  if (input_.quote != Input().quote) entry["quote"] = text(input_.quote);
  if (input_.escape) entry["escape"] = text(input_.escape);
  if (input_.comment) entry["comment"] = text(input_.comment);
  if (!input_.header) entry["header"] = false;
  if (!input_.column_names.empty()) entry["column_names"] = input_.column_names;
  if (input_.na_values) entry["na_values"] = *input_.na_values;
}

}  // namespace parallelrun
