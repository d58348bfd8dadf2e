#include "runner/input/json_lines.h"

#include <algorithm>

#include "common/json/json.h"
#include "runner/input/column_declarations.h"
#include "runner/input/file_cutter.h"
#include "runner/input/json_record_fields.h"
#include "runner/input/line_scan.h"
#include "runner/thrift/parquet_magic.h"

namespace parallelrun {
namespace {

// What is no JSON lines as a whole: UTF-16 or UTF-32 with its mark, Parquet, one array. Its worker says
// which.
bool is_something_else(std::string_view head) {
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF") || head.starts_with(kParquetMagic))
    return true;
  const std::size_t first = head.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && head[first] == '[';
}

// A line ends at LF, since JSON has none inside a value; a CR before it is white.
class JsonLinesCutter final : public FileCutter {
 public:
  using FileCutter::FileCutter;

 private:
  void begin(std::string_view head) override {
    if (is_something_else(head)) return whole_file(1, FileSlice::Check::kBytes);
    begin_scan(stream_from(head.starts_with(kUtf8Mark) ? kUtf8Mark.size() : 0));
    cut_from(0, {});
  }
  void begin_scan(ByteStream& records) override { scan_.start(records); }
  Result<RecordStride> scan(std::uint64_t least_end) override { return scan_.next(least_end); }
  PassedKind all_blank() const override { return PassedKind::kEmptyTable; }

  LineScan scan_;
};

}  // namespace

std::unique_ptr<SliceCutter> JsonLinesFormat::make_slices(std::uint64_t slice_bytes,
                                                          TableFiles& files) const {
  return std::make_unique<JsonLinesCutter>(slice_bytes, files);
}

std::optional<RecordPiece> JsonLinesFormat::records_in(std::string_view piece, const FileSlice&,
                                                       bool at_file_end) const {
  RecordPiece found;
  const std::size_t first_end = piece.find('\n');
  if (first_end == std::string_view::npos) return std::nullopt;
  found.begin = first_end + 1;
  found.end = at_file_end ? piece.size() : piece.rfind('\n') + 1;
  found.records = count_lines(piece.substr(found.begin, found.end - found.begin));
  return found.records > 0 ? std::optional(found) : std::nullopt;
}

Result<std::optional<SlicePart>> JsonLinesFormat::find_items(ByteStream& slice, ItemRange range) const {
  LineScan scan;
  scan.start(slice);
  return walk_to_items(range, [&scan] { return scan.next(0); });
}

std::unique_ptr<RecordFields> JsonLinesFormat::record_fields(TableFiles& files) const {
  return std::make_unique<JsonRecordFields>(slices(1, files), files);
}

void JsonLinesFormat::tell_worker(nlohmann::json& entry) const {
  entry["columns"] = declared_columns(input_);
}

}  // namespace parallelrun
