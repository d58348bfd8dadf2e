#include "runner/plan/csv_sample.h"

#include <fcntl.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "common/posix/file_descriptor.h"
#include "runner/plan/csv_cutter.h"
#include "runner/plan/csv_piece.h"
#include "runner/plan/csv_stream.h"
#include "runner/plan/planner.h"

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

class Sample {
 public:
  Sample(const CsvFormat& format, const CsvSampleOptions& options, std::size_t pieces)
      : format_(format),
        piece_bytes_(options.piece_bytes),
        total_bytes_(options.total_bytes),
        pieces_(pieces),
        whole_({format, std::numeric_limits<std::uint64_t>::max()}),
        first_({format, options.piece_bytes}) {}

  void add_file(const std::string& path) {
    first_.start(path);
    const std::optional<CsvSlice> first = first_.next();
    if (!first) return;
    const bool split = !first->header.empty();
    if (!split || first->length == first->file_size - first->offset) {
      take(*first);
      return;
    }
    const std::uint64_t body = first->file_size - first->offset;
    if (body <= pieces_ * piece_bytes_) {
      whole_.start(path);
      if (const std::optional<CsvSlice> whole = whole_.next()) take(*whole);
      return;
    }
    take(*first);
    add_pieces(*first);
  }

  std::vector<CsvSlice> slices() && { return std::move(slices_); }

 private:
  bool take(const CsvSlice& slice) {
    const std::uint64_t bytes = slice.length + slice.header.size();
    if (!slices_.empty() && (bytes > total_bytes_ || used_ > total_bytes_ - bytes)) return false;
    used_ += bytes;
    slices_.push_back(slice);
    // A hash would be that of another piece, and types that a changed file gives are checked against each
    // value.
    slices_.back().check = CsvSlice::Check::kSize;
    return true;
  }

  void add_pieces(const CsvSlice& first) {
    const FileDescriptor fd(::open(first.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return;
    const std::size_t fields = count_fields(first.header, format_.delimiter);
    const std::uint64_t last_begin = first.file_size - piece_bytes_;
    std::uint64_t behind = first.offset + first.length;
    std::string bytes;
    for (std::size_t i = 1; i < pieces_; ++i) {
      // In two steps, since the product of a large file's size and a count could overflow.
      const std::uint64_t step = (last_begin - first.offset) / (pieces_ - 1);
      const std::uint64_t begin = i + 1 == pieces_ ? last_begin : first.offset + i * step;
      if (begin < behind) continue;
      if (!read_piece(fd.get(), begin, bytes)) return;
      const auto found =
          find_records(bytes, format_.delimiter, fields, begin + bytes.size() == first.file_size);
      if (!found) continue;
      CsvSlice slice = first;
      slice.offset = begin + found->begin;
      slice.length = found->end - found->begin;
      slice.first_row = 0;
      slice.records = found->records;
      if (!take(slice)) return;
      behind = slice.offset + slice.length;
    }
  }

  bool read_piece(int fd, std::uint64_t begin, std::string& bytes) const {
    FileStream stream(fd, begin, begin + piece_bytes_);
    bytes.resize(piece_bytes_);
    std::size_t filled = 0;
    while (filled < bytes.size()) {
      const auto size = stream.read(bytes.data() + filled, bytes.size() - filled);
      if (!size || *size == 0) return false;
      filled += *size;
    }
    return true;
  }

  CsvFormat format_;
  std::uint64_t piece_bytes_;
  std::uint64_t total_bytes_;
  std::size_t pieces_;
  CsvCutter whole_;
  CsvCutter first_;
  std::uint64_t used_ = 0;
  std::vector<CsvSlice> slices_;
};

}  // namespace

std::vector<CsvSlice> sample_slices(const std::vector<std::string>& files, const CsvFormat& format,
                                    const CsvSampleOptions& given) {
  CsvSampleOptions options = given;
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
  Sample sample(format, options, static_cast<std::size_t>(std::clamp<std::uint64_t>(share, 2, most)));
  for (const std::size_t i : chosen) sample.add_file(files[i]);
  return std::move(sample).slices();
}

Result<std::vector<CsvSlice>> sample_slices(const Input& input, const std::string& directory,
                                            const std::string& output_directory,
                                            const CsvSampleOptions& options) {
  FileWalk::Options walk_options{directory, glob_of(input), std::nullopt, {}};
  if (!output_directory.empty()) walk_options.exclude = identity_of(output_directory);
  Result<FileWalk> walk = FileWalk::open(std::move(walk_options));
  if (!walk) return walk.error();

  // Every stride-th file; when they get too many, every other of them goes and the stride doubles.
  const std::size_t most = 2 * std::max<std::size_t>(options.max_files, 1);
  std::vector<std::string> kept;
  std::string last;
  std::uint64_t stride = 1;
  for (std::uint64_t i = 0;; ++i) {
    Result<std::optional<FileWalk::File>> file = walk->next();
    if (!file) return file.error();
    if (!*file) break;
    last = (*file)->path();
    if (i % stride != 0) continue;
    kept.push_back(last);
    if (kept.size() <= most) continue;
    for (std::size_t k = 1; 2 * k < kept.size(); ++k) kept[k] = std::move(kept[2 * k]);
    kept.resize((kept.size() + 1) / 2);
    stride *= 2;
  }
  if (!kept.empty() && kept.back() != last) kept.push_back(last);
  return sample_slices(kept, CsvFormat{input.delimiter, input.encoding}, options);
}

}  // namespace parallelrun
