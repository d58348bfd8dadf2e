// Tabular inputs of JSON lines: one object a line, UTF-8.
#pragma once

#include "runner/input/slice_format.h"

namespace parallelrun {

class JsonLinesFormat final : public SliceFormat {
 public:
  explicit JsonLinesFormat(const Input& input) : input_(input) {}

  DescriptorKind kind() const override { return DescriptorKind::kJsonLinesSlice; }
  std::string default_glob() const override {
    return "**/*.{[jJ][sS][oO][nN][lL],[nN][dD][jJ][sS][oO][nN]}{,.[gG][zZ]}";
  }
  std::string default_endings() const override { return ".jsonl, .ndjson, .jsonl.gz or .ndjson.gz"; }
  std::string nothing_in(std::uint64_t) const override { return "no record"; }
  std::unique_ptr<SliceCutter> make_slices(std::uint64_t slice_bytes, TableFiles& files) const override;
  std::optional<RecordPiece> records_in(std::string_view piece, const FileSlice& first,
                                        bool at_file_end) const override;
  // What is no JSON lines as a whole comes as one record, which has no parts.
  bool is_scanned(const FileSlice&) const override { return true; }
  Result<std::optional<SlicePart>> find_items(ByteStream& slice, ItemRange range) const override;
  std::unique_ptr<RecordFields> record_fields(TableFiles& files) const override;
  void tell_worker(nlohmann::json& entry) const override;

 private:
  Input input_;
};

}  // namespace parallelrun
