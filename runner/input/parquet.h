// Tabular inputs of Parquet files. Row groups are what a file is cut into: small ones are joined up to
// `miniBatchSize`, a large one is split by rows. Only the footer is read here; a worker reads the data.
#pragma once

#include "runner/input/slice_format.h"

namespace parallelrun {

// The slices of a file: `offset` and `length` are those of its footer, by whose hash the file is known again,
// `first_row` and `records` say which rows. A file that cannot be read comes as one slice without bytes and
// with one record, so that the worker's failure counts.
class ParquetFormat final : public SliceFormat {
 public:
  explicit ParquetFormat(const Input& input) : input_(input) {}

  DescriptorKind kind() const override { return DescriptorKind::kParquetSlice; }
  std::string default_glob() const override { return "**/*.{[pP][aA][rR][qQ][uU][eE][tT],[pP][qQ]}"; }
  std::string default_endings() const override { return ".parquet or .pq"; }
  std::string nothing_in(std::uint64_t) const override { return "no row"; }
  std::unique_ptr<SliceCutter> make_slices(std::uint64_t slice_bytes, TableFiles& files) const override;
  // The types are in the footers: a sample needs no piece from the middle of a file.
  std::optional<RecordPiece> records_in(std::string_view, const FileSlice&, bool) const override {
    return std::nullopt;
  }
  // Without a look at the file: rows have numbers.
  Result<std::optional<FileSlice>> part_of_one(const FileSlice& whole, ItemRange range,
                                               TableFiles& files) const override;
  bool reads_all() const override { return false; }
  bool is_scanned(const FileSlice&) const override { return false; }
  Result<std::optional<SlicePart>> find_items(ByteStream&, ItemRange) const override {
    return std::optional<SlicePart>();
  }
  std::optional<PassedKind> other_header(std::string_view first, std::string_view other) const override;
  void tell_worker(nlohmann::json& entry) const override;

 private:
  Input input_;
};

}  // namespace parallelrun
