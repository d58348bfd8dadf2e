#include "runner/input/csv_cutter.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "runner/input/csv_state.h"
#include "runner/input/csv_stream.h"
#include "runner/input/slice_hash.h"

namespace parallelrun {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

std::uint64_t saturated_sum(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max()
                                                           : a + b;
}

}  // namespace

CsvCutter::CsvCutter(Options options) : options_(std::move(options)) {
  options_.slice_bytes = std::max<std::uint64_t>(options_.slice_bytes, 1);
}

bool CsvCutter::open() {
  fd_ = FileDescriptor(::open(slice_.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  const int known = fd_ ? ::fstat(fd_.get(), &info) : ::stat(slice_.path.c_str(), &info);
  if (known == 0) {
    slice_.file_size = static_cast<std::uint64_t>(std::max<off_t>(info.st_size, 0));
  }
  return fd_ && known == 0 && S_ISREG(info.st_mode);
}

// The one slice of a file that is not split.
void CsvCutter::whole_file(std::uint64_t records, FileSlice::Check check) {
  slice_.header.clear();
  slice_.offset = 0;
  slice_.first_row = 1;
  rest_of_file(records, check);
}

void CsvCutter::rest_of_file(std::uint64_t records, FileSlice::Check check) {
  slice_.length = slice_.file_size - slice_.offset;
  slice_.records = records;
  slice_.check = check;
  slice_.hash = 0;
  const bool whole = check == FileSlice::Check::kBytes;
  if (whole || check == FileSlice::Check::kEnds) {
    const Result<std::uint64_t> hash = whole ? slice_hash_of(fd_.get(), slice_.offset, slice_.file_size)
                                             : slice_hash_of_ends(fd_.get(), slice_.file_size);
    slice_.hash = hash ? *hash : 0;
    if (!hash) slice_.check = FileSlice::Check::kSize;
  }
  held_ = slice_;
  scanning_ = false;
}

std::uint64_t CsvCutter::count_wide_records(CsvLayout layout) {
  const std::string encoding = normalised_encoding(options_.format.encoding);
  const bool big_endian = encoding.ends_with("be") || encoding.ends_with("bigunmarked");
  FileStream bytes(fd_.get(), 0, slice_.file_size);
  NarrowedStream narrowed(bytes, layout == CsvLayout::kUtf16 ? 2 : 4, big_endian);
  scan_.start(narrowed, options_.format.delimiter);
  const auto header = scan_.next(0);
  if (!header) return 1;
  if (header->at_end) return scan_.ended_in_quotes() ? 1 : 0;
  const auto rest = scan_.next(std::numeric_limits<std::uint64_t>::max());
  return rest ? rest->records : 1;
}

// Takes the header from bytes [begin, end) of the file, without blank records before it.
bool CsvCutter::read_header(std::uint64_t begin, std::uint64_t end) {
  if (end - begin > kMostHeaderBytes) return false;
  FileStream bytes(fd_.get(), begin, end);
  std::string& header = slice_.header;
  header.resize(end - begin);
  std::size_t filled = 0;
  while (filled < header.size()) {
    const auto size = bytes.read(header.data() + filled, header.size() - filled);
    if (!size || *size == 0) return false;
    filled += *size;
  }
  const auto delimiter = static_cast<unsigned char>(options_.format.delimiter);
  std::size_t first = 0;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == '\n' || header[i] == '\r') {
      first = i + 1;
    } else if (!csv::is_white(static_cast<unsigned char>(header[i]), delimiter)) {
      break;
    }
  }
  header.erase(0, first);
  return true;
}

void CsvCutter::start(std::string path) {
  using Check = FileSlice::Check;
  held_.reset();
  scanning_ = false;
  without_records_.reset();
  slice_ = FileSlice{};
  slice_.path = std::move(path);
  slice_.first_row = 1;
  if (!open()) return whole_file(1, Check::kSize);
  if (slice_.file_size == 0) {
    without_records_ = PassedKind::kEmptyTable;
    return;
  }
  std::array<char, kFormatHead> first{};
  const auto first_size = FileStream(fd_.get(), 0, first.size()).read(first.data(), first.size());
  const std::string_view head(first.data(), first_size ? *first_size : 0);
  if (is_packed(head)) return whole_file(0, Check::kEnds);
  if (is_other_format(head)) return whole_file(1, Check::kBytes);
  const CsvLayout layout = layout_of(options_.format);
  if (layout == CsvLayout::kOpaque) return whole_file(0, Check::kBytes);
  if (layout != CsvLayout::kBytes) {
    if (const std::uint64_t records = count_wide_records(layout); records > 0) {
      return whole_file(records, Check::kBytes);
    }
    without_records_ = PassedKind::kHeaderOnlyTable;
    return;
  }

  const bool marked = is_utf8_encoding(options_.format.encoding) && head.starts_with(kUtf8Mark);
  stream_begin_ = marked ? kUtf8Mark.size() : 0;
  stream_.emplace(fd_.get(), stream_begin_, slice_.file_size);
  scan_.start(*stream_, options_.format.delimiter, true);
  const auto header = scan_.next(0);
  if (!header) return whole_file(1, Check::kSize);
  if (header->at_end) {
    if (scan_.ended_in_quotes()) return whole_file(1, Check::kBytes);
    without_records_ = header->records == 0 ? PassedKind::kEmptyTable : PassedKind::kHeaderOnlyTable;
    return;
  }
  if (!read_header(stream_begin_, stream_begin_ + header->end)) {
    return header->end > kMostHeaderBytes ? whole_file(0, Check::kBytes) : whole_file(1, Check::kSize);
  }
  slice_.offset = stream_begin_ + header->end;
  slice_.check = Check::kBytes;
  scanning_ = true;
}

void CsvCutter::resume_after(const FileSlice& last) {
  using Check = FileSlice::Check;
  held_.reset();
  scanning_ = false;
  without_records_.reset();
  slice_ = last;
  const std::uint64_t end = last.offset + last.length;
  slice_.offset = end;
  if (end >= last.file_size) return;

  const bool readable = open();
  const bool same_size = slice_.file_size == last.file_size;
  slice_.file_size = last.file_size;
  if (!readable) return rest_of_file(1, Check::kSize);
  if (!same_size) return rest_of_file(1, Check::kChanged);

  // How many rows the last slice had is not stored, blank ones included: pass over it once more.
  stream_begin_ = last.offset;
  stream_.emplace(fd_.get(), stream_begin_, slice_.file_size);
  scan_.start(*stream_, options_.format.delimiter, true);
  const auto passed = scan_.next(last.length);
  if (!passed) return rest_of_file(1, Check::kSize);
  if (passed->end != last.length || passed->hash != last.hash) return rest_of_file(1, Check::kChanged);
  slice_.first_row = last.first_row + passed->rows;
  scanning_ = true;
}

std::optional<FileSlice> CsvCutter::next() {
  while (scanning_) {
    const auto stride = scan_.next(saturated_sum(slice_.offset - stream_begin_, options_.slice_bytes));
    if (!stride) {
      std::optional<FileSlice> before = std::move(held_);
      rest_of_file(1, FileSlice::Check::kSize);
      if (before) return before;
      break;
    }
    const std::uint64_t end = stream_begin_ + stride->end;
    scanning_ = !stride->at_end;
    if (stride->records == 0) {  // blank records at the end
      if (!held_) {
        if (slice_.first_row == 1) without_records_ = PassedKind::kHeaderOnlyTable;
        break;
      }
      held_->length = end - held_->offset;
      const auto longer = slice_hash_of(fd_.get(), held_->offset, end);
      held_->hash = longer ? *longer : 0;
      break;
    }
    slice_.length = end - slice_.offset;
    slice_.records = stride->records;
    slice_.hash = stride->hash;
    std::optional<FileSlice> before = std::exchange(held_, slice_);
    slice_.offset = end;
    slice_.first_row += stride->rows;
    if (before) return before;
  }
  if (!held_) {
    fd_.close();
    return std::nullopt;
  }
  std::optional<FileSlice> last = std::move(held_);
  held_.reset();
  return last;
}

}  // namespace parallelrun
