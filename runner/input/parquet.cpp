#include "runner/input/parquet.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/result/try.h"
#include "runner/input/column_declarations.h"
#include "runner/input/parquet_chunks.h"
#include "runner/input/parquet_footer.h"
#include "runner/input/slice_hash.h"
#include "runner/thrift/parquet_magic.h"
#include "runner/wire/fields.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

// No file holds more bytes than this for each of its own: what a footer makes up must not fill a plan.
constexpr std::uint64_t kMostExpansion = 1U << 20U;

// What a descriptor says of the whole file, in the place of a header: how many rows it has, and which
// columns.
//   u64 rows | u64 hash of the columns' names in their order | u64 hash of their names in bytewise order
struct FileTraits {
  std::uint64_t rows = 0;
  std::uint64_t in_order = 0;
  std::uint64_t sorted = 0;
};

void fields(auto& visit, wire::Is<FileTraits> auto& traits) {
  visit(traits.rows);
  visit(traits.in_order);
  visit(traits.sorted);
}

std::uint64_t hash_of(const std::vector<std::string>& names) {
  std::string bytes;
  wire::Writer out(bytes);
  for (const std::string& name : names) out.bytes(name);
  return slice_hash(bytes);
}

std::optional<FileTraits> decode_traits(std::string_view bytes) {
  FileTraits traits;
  wire::Decoder in(bytes);
  in(traits);
  return in.problem() == nullptr ? std::optional(traits) : std::nullopt;
}

// How the rows of a file become mini-batches: rows of each. Pure: the same footer gives the same.
class RowRuns {
 public:
  RowRuns() = default;
  RowRuns(std::vector<ParquetRowGroup> groups, std::uint64_t wanted)
      : groups_(std::move(groups)), wanted_(wanted) {}

  // 0: there is none left.
  std::uint64_t next() {
    if (parts_ > 0) return next_part();
    if (at_ == groups_.size()) return 0;
    const ParquetRowGroup& group = groups_[at_++];
    // To the nearest count, so that a row group of a little more than the wanted size stays whole.
    const std::uint64_t parts = group.bytes / wanted_ + (group.bytes % wanted_ > wanted_ / 2 ? 1U : 0U);
    if (parts > 1) {
      rows_ = group.rows;
      parts_ = std::min(parts, group.rows);
      return next_part();
    }
    std::uint64_t rows = group.rows;
    std::uint64_t bytes = group.bytes;
    while (at_ < groups_.size() && bytes < wanted_ && groups_[at_].bytes <= wanted_ - bytes) {
      rows += groups_[at_].rows;
      bytes += groups_[at_++].bytes;
    }
    return rows;
  }

 private:
  std::uint64_t next_part() {
    const std::uint64_t part = rows_ / parts_ + (rows_ % parts_ > 0 ? 1U : 0U);
    rows_ -= part;
    --parts_;
    return part;
  }

  std::vector<ParquetRowGroup> groups_;
  std::uint64_t wanted_ = 1;
  std::size_t at_ = 0;
  std::uint64_t rows_ = 0;   // that are left of a group that is split
  std::uint64_t parts_ = 0;  // into which they go
};

// What is read for rows of an object of a store. Asked from front to back.
class RowPlaces {
 public:
  RowPlaces() = default;
  RowPlaces(const std::vector<ParquetRowGroup>& groups, std::vector<ParquetChunks> chunks)
      : chunks_(std::move(chunks)) {
    for (const ParquetRowGroup& group : groups) rows_.push_back(group.rows);
  }

  // For `count` rows from `first` on: the head and the footer of the file, and the chunks of their row
  // groups. All of it, where the footer does not say where they lie.
  std::vector<ByteRange> of(std::uint64_t first, std::uint64_t count, std::uint64_t footer,
                            std::uint64_t size) {
    while (at_ < rows_.size() && rows_before_ + rows_[at_] <= first) rows_before_ += rows_[at_++];
    std::vector<ByteRange> wanted;
    std::uint64_t rows = rows_before_;
    for (std::size_t group = at_; group < rows_.size() && rows < first + count; ++group) {
      if (group >= chunks_.size() || !chunks_[group]) return {{0, size}};
      for (const ByteRange& chunk : *chunks_[group]) {
        if (chunk.offset > footer || chunk.length > footer - chunk.offset) return {{0, size}};
        wanted.push_back(chunk);
      }
      rows += rows_[group];
    }
    // The head and the footer stand alone: a sample of the types needs no more.
    std::vector<ByteRange> ranges = joined_ranges(std::move(wanted), footer);
    ranges.insert(ranges.begin(), ByteRange{0, kParquetMagic.size()});
    ranges.push_back({footer, size - footer});
    return ranges;
  }

 private:
  std::vector<std::uint64_t> rows_;    // by row group
  std::vector<ParquetChunks> chunks_;  // the same
  std::size_t at_ = 0;
  std::uint64_t rows_before_ = 0;
};

class ParquetCutter final : public SliceCutter {
 public:
  ParquetCutter(std::uint64_t slice_bytes, std::vector<std::string> wanted_columns, TableFiles& files)
      : slice_bytes_(std::max<std::uint64_t>(slice_bytes, 1)),
        wanted_columns_(std::move(wanted_columns)),
        files_(files) {}

  void start(std::string path) override {
    reset(std::move(path));
    auto footer = open();
    if (!footer) {
      failed_ = true;
      return;
    }
    if (footer->rows == 0) without_records_ = PassedKind::kEmptyTable;
    begin(std::move(*footer));
  }

  void resume_after(const FileSlice& last) override {
    reset(last.path);
    const auto traits = decode_traits(last.header);
    const std::uint64_t before = last.first_row - 1 + last.records;
    // Behind a slice for all that is left of a changed file there is nothing.
    if (last.check == FileSlice::Check::kChanged) return;
    if (!traits || last.first_row == 0 || before >= traits->rows) return;
    auto footer = open();
    if (!footer || slice_.file_size != last.file_size || footer->begin != last.offset ||
        footer->hash != last.hash) {
      slice_ = last;
      slice_.first_row = before + 1;
      changed_ = true;
      return;
    }
    begin(std::move(*footer));
    // The same footer gives the same slices: pass over those that were given.
    while (slice_.first_row <= before) {
      if (!next()) return;
    }
  }

  std::optional<FileSlice> next() override {
    if (std::exchange(failed_, false)) return unreadable(FileSlice::Check::kSize);
    if (std::exchange(changed_, false)) return unreadable(FileSlice::Check::kChanged);
    const std::uint64_t rows = runs_.next();
    if (rows == 0) return std::nullopt;
    FileSlice slice = slice_;
    slice.records = rows;
    if (files_.are_in_parts())
      slice.reads = places_.of(slice.first_row - 1, rows, slice.offset, slice.file_size);
    slice_.first_row += rows;
    return slice;
  }

  std::optional<PassedKind> without_records() const override { return without_records_; }

 private:
  void reset(std::string path) {
    failed_ = changed_ = false;
    without_records_.reset();
    runs_ = {};
    places_ = {};
    slice_ = {};
    slice_.path = std::move(path);
    slice_.first_row = 1;
  }

  // Sets the size of the file. Nothing: it cannot be read as Parquet, and the worker says why.
  std::optional<ParquetFooter> open() {
    const std::unique_ptr<TableFile> file = files_.open(slice_.path);
    slice_.file_size = file->size();
    if (!file->state()) return std::nullopt;
    Result<ParquetFooter> footer =
        read_parquet_footer(*file, files_.are_in_parts() ? &wanted_columns_ : nullptr);
    if (!footer) return std::nullopt;
    return std::move(*footer);
  }

  void begin(ParquetFooter footer) {
    slice_.offset = footer.begin;
    slice_.length = slice_.file_size - footer.begin;
    slice_.hash = footer.hash;
    slice_.check = FileSlice::Check::kBytes;
    FileTraits traits;
    traits.rows = footer.rows;
    std::vector<std::string>& names = footer.column_names;
    if (!wanted_columns_.empty()) {
      std::erase_if(names, [this](const std::string& name) {
        return !std::binary_search(wanted_columns_.begin(), wanted_columns_.end(), name);
      });
    }
    traits.in_order = hash_of(names);
    std::sort(names.begin(), names.end());
    traits.sorted = hash_of(names);
    slice_.header = wire::encoded(traits);
    const std::uint64_t most =
        slice_.file_size > UINT64_MAX / kMostExpansion ? UINT64_MAX : slice_.file_size * kMostExpansion;
    for (ParquetRowGroup& group : footer.groups) {
      group.bytes = std::min(group.bytes, most);
      if (group.bytes == 0) group.bytes = std::max<std::uint64_t>(footer.begin / footer.rows, 1) * group.rows;
    }
    if (files_.are_in_parts()) places_ = RowPlaces(footer.groups, std::move(footer.chunks));
    runs_ = RowRuns(std::move(footer.groups), slice_bytes_);
  }

  FileSlice unreadable(FileSlice::Check check) const {
    FileSlice slice = slice_;
    slice.records = 1;
    slice.check = check;
    if (check == FileSlice::Check::kSize) {
      slice.offset = slice.file_size;
      slice.length = 0;
      slice.header.clear();
    }
    return slice;
  }

  std::uint64_t slice_bytes_;
  std::vector<std::string> wanted_columns_;  // in bytewise order; empty: all
  FileSlice slice_;                          // what all slices of the file share; first_row of the next
  RowRuns runs_;
  RowPlaces places_;
  TableFiles& files_;
  bool failed_ = false;
  bool changed_ = false;
  std::optional<PassedKind> without_records_;
};

}  // namespace

std::unique_ptr<SliceCutter> ParquetFormat::make_slices(std::uint64_t slice_bytes, TableFiles& files) const {
  std::vector<std::string> wanted;
  for (const auto& [name, type] : input_.columns) wanted.push_back(name);
  return std::make_unique<ParquetCutter>(slice_bytes, std::move(wanted), files);
}

Result<std::optional<FileSlice>> ParquetFormat::part_of_one(const FileSlice& whole, ItemRange range,
                                                            TableFiles&) const {
  if (whole.check != FileSlice::Check::kBytes) return std::optional<FileSlice>();
  FileSlice part = whole;
  part.first_row += range.begin;
  part.records = range.size();
  return std::optional(std::move(part));
}

std::optional<PassedKind> ParquetFormat::other_header(std::string_view first, std::string_view other) const {
  const auto one = decode_traits(first);
  const auto another = decode_traits(other);
  if (!one || !another || one->in_order == another->in_order) return std::nullopt;
  return one->sorted == another->sorted ? PassedKind::kOtherColumnOrder : PassedKind::kOtherColumns;
}

void ParquetFormat::tell_worker(nlohmann::json& entry) const { entry["columns"] = declared_columns(input_); }

}  // namespace parallelrun
