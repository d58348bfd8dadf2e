#include "runner/input/slice_sample.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "runner/input/table_file.h"
#include "runner/store/data_messages.h"

namespace parallelrun {
namespace {

// `wanted` of `count` things, evenly spread, the first and the last among them.
std::vector<std::size_t> spread(std::size_t count, std::size_t wanted) {
  std::vector<std::size_t> chosen;
  if (count <= wanted) {
    for (std::size_t i = 0; i < count; ++i) chosen.push_back(i);
  } else if (wanted == 1) {
    chosen.push_back(0);
  } else {
    for (std::size_t i = 0; i < wanted; ++i) chosen.push_back(i * (count - 1) / (wanted - 1));
  }
  return chosen;
}

// So many pieces, or files, are expected before they are read.
constexpr std::size_t kAhead = 16;

class Sample {
 public:
  Sample(const SliceFormat& format, const SliceSampleOptions& options, std::size_t pieces, TableFiles& opened)
      : format_(format),
        opened_(opened),
        piece_bytes_(options.piece_bytes),
        total_bytes_(options.total_bytes),
        pieces_(pieces),
        whole_(format.slices(std::numeric_limits<std::uint64_t>::max(), opened)),
        first_(format.slices(options.piece_bytes, opened)) {}

  void add_file(const std::string& path) {
    first_->start(path);
    const std::optional<FileSlice> first = first_->next();
    if (!first) return;
    if (first->length == first->file_size - first->offset) {
      take(*first);
      return;
    }
    const std::uint64_t body = first->file_size - first->offset;
    if (body <= pieces_ * piece_bytes_) {
      whole_->start(path);
      if (const std::optional<FileSlice> whole = whole_->next()) take(*whole);
      return;
    }
    take(*first);
    add_pieces(*first);
  }

  std::vector<FileSlice> slices() && { return std::move(slices_); }

 private:
  bool take(const FileSlice& slice) {
    const std::uint64_t bytes = slice.length + slice.header.size();
    if (!slices_.empty() && (bytes > total_bytes_ || used_ > total_bytes_ - bytes)) return false;
    used_ += bytes;
    slices_.push_back(slice);
    // A hash would be that of another piece, and types that a changed file gives are checked against each
    // value.
    slices_.back().check = FileSlice::Check::kSize;
    return true;
  }

  void add_pieces(const FileSlice& first) {
    const std::unique_ptr<TableFile> file = opened_.open(first.path);
    if (!file->state()) return;
    const std::uint64_t last_begin = first.file_size - piece_bytes_;
    std::uint64_t behind = first.offset + first.length;
    std::string bytes;
    // In two steps, since the product of a large file's size and a count could overflow.
    const std::uint64_t step = (last_begin - first.offset) / (pieces_ - 1);
    const auto begin_of = [&](std::size_t i) {
      return i + 1 == pieces_ ? last_begin : first.offset + i * step;
    };
    std::size_t expected = 1;
    for (std::size_t i = 1; i < pieces_; ++i) {
      for (; expected < std::min(i + kAhead, pieces_); ++expected)
        opened_.expect(first.path, {begin_of(expected), piece_bytes_});
      const std::uint64_t begin = begin_of(i);
      if (begin < behind) continue;
      if (!read_piece(*file, begin, bytes)) return;
      const auto found = format_.records_in(bytes, first, begin + bytes.size() == first.file_size);
      if (!found) continue;
      FileSlice slice = first;
      slice.offset = begin + found->begin;
      slice.length = found->end - found->begin;
      slice.first_row = 0;
      slice.records = found->records;
      if (!take(slice)) return;
      behind = slice.offset + slice.length;
    }
  }

  bool read_piece(TableFile& file, std::uint64_t begin, std::string& bytes) const {
    Result<std::string> piece = read_exactly(file, begin, begin + piece_bytes_);
    if (!piece) return false;
    bytes = std::move(*piece);
    return true;
  }

  const SliceFormat& format_;
  TableFiles& opened_;
  std::uint64_t piece_bytes_;
  std::uint64_t total_bytes_;
  std::size_t pieces_;
  std::unique_ptr<SliceCutter> whole_;
  std::unique_ptr<SliceCutter> first_;
  std::uint64_t used_ = 0;
  std::vector<FileSlice> slices_;
};

}  // namespace

std::vector<FileSlice> sample_slices(const std::vector<std::string>& files, const SliceFormat& format,
                                     const SliceSampleOptions& given, TableFiles& opened) {
  SliceSampleOptions options = given;
  options.max_files = std::max<std::size_t>(options.max_files, 1);
  options.piece_bytes = std::max<std::uint64_t>(options.piece_bytes, 1);
  const std::vector<std::size_t> chosen = spread(files.size(), options.max_files);
  if (chosen.empty()) return {};
  options.piece_bytes =
      std::clamp(options.total_bytes / (2 * chosen.size()),
                 std::min(std::max<std::uint64_t>(options.least_piece_bytes, 1), options.piece_bytes),
                 options.piece_bytes);
  const std::uint64_t share = options.total_bytes / chosen.size() / options.piece_bytes;
  const std::uint64_t most = std::max<std::uint64_t>(options.pieces_per_file, 2);
  Sample sample(format, options, static_cast<std::size_t>(std::clamp<std::uint64_t>(share, 2, most)), opened);
  std::size_t expected = 0;
  for (std::size_t i = 0; i < chosen.size() && opened.state(); ++i) {
    for (; expected < std::min(i + kAhead, chosen.size()); ++expected)
      opened.expect(files[chosen[expected]], {0, options.piece_bytes});
    sample.add_file(files[chosen[i]]);
  }
  return std::move(sample).slices();
}

Result<std::vector<FileSlice>> sample_slices(Listing& listing, const std::string& root,
                                             const SliceFormat& format, const SliceSampleOptions& options,
                                             TableFiles& opened) {
  // Every stride-th file; when they get too many, every other of them goes and the stride doubles.
  const std::size_t most = 2 * std::max<std::size_t>(options.max_files, 1);
  std::vector<StoredObject> kept;
  StoredObject last;
  std::uint64_t stride = 1;
  for (std::uint64_t i = 0;; ++i) {
    const Result<std::optional<ListedObject>> object = listing.next();
    if (!object) return object.error();
    if (!*object) break;
    last = {root + (*object)->path(), (*object)->size, std::string((*object)->version)};
    if (i % stride != 0) continue;
    kept.push_back(last);
    if (kept.size() <= most) continue;
    for (std::size_t k = 1; 2 * k < kept.size(); ++k) kept[k] = std::move(kept[2 * k]);
    kept.resize((kept.size() + 1) / 2);
    stride *= 2;
  }
  if (!kept.empty() && kept.back() != last) kept.push_back(last);
  std::vector<std::string> files;
  for (StoredObject& object : kept) {
    opened.announce(object.name, object.size, object.version);
    files.push_back(std::move(object.name));
  }
  return sample_slices(files, format, options, opened);
}

}  // namespace parallelrun
