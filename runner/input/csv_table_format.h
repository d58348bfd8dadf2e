// Tabular inputs of CSV files.
#pragma once

#include "runner/input/csv_format.h"
#include "runner/input/slice_format.h"

namespace parallelrun {

class CsvTableFormat final : public SliceFormat {
 public:
  explicit CsvTableFormat(const Input& input);

  DescriptorKind kind() const override { return DescriptorKind::kCsvSlice; }
  std::string default_glob() const override;
  std::string default_endings() const override;
  std::string nothing_in(std::uint64_t objects) const override;
  std::unique_ptr<SliceCutter> make_slices(std::uint64_t slice_bytes, TableFiles& files) const override;
  std::optional<RecordPiece> records_in(std::string_view piece, const FileSlice& first,
                                        bool at_file_end) const override;
  // A file that comes whole has no header: the worker reads it there.
  bool is_scanned(const FileSlice& slice) const override { return !slice.header.empty(); }
  Result<std::optional<SlicePart>> find_items(ByteStream& slice, ItemRange range) const override;
  std::optional<PassedKind> other_header(std::string_view first, std::string_view other) const override;
  std::unique_ptr<RecordFields> record_fields(TableFiles& files) const override;
  std::optional<std::string> warning(const std::vector<FileSlice>& sample) const override;
  void tell_worker(nlohmann::json& entry) const override;

 private:
  Input input_;
  CsvFormat format_;
};

}  // namespace parallelrun
