#include "runner/plan/csv_cutter.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "runner/plan/csv_state.h"

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
    slice_.modified_ns = std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  }
  return fd_ && known == 0 && S_ISREG(info.st_mode);
}

// The one slice of a file that is not split.
void CsvCutter::whole_file(std::uint64_t records) {
  slice_.header.clear();
  slice_.offset = 0;
  slice_.first_row = 1;
  rest_of_file(records);
}

void CsvCutter::rest_of_file(std::uint64_t records) {
  slice_.length = slice_.file_size - slice_.offset;
  slice_.records = records;
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
  held_.reset();
  scanning_ = false;
  slice_ = CsvSlice{};
  slice_.path = std::move(path);
  slice_.first_row = 1;
  if (!open()) return whole_file(1);
  if (slice_.file_size == 0) return;
  const CsvLayout layout = layout_of(slice_.path, options_.format);
  if (layout == CsvLayout::kOpaque) return whole_file(0);
  if (layout != CsvLayout::kBytes) {
    if (const std::uint64_t records = count_wide_records(layout); records > 0) whole_file(records);
    return;
  }

  stream_begin_ = 0;
  if (is_utf8_encoding(options_.format.encoding)) {
    std::array<char, kUtf8Mark.size()> mark{};
    const auto size = FileStream(fd_.get(), 0, mark.size()).read(mark.data(), mark.size());
    if (size && std::string_view(mark.data(), *size) == kUtf8Mark) stream_begin_ = mark.size();
  }
  stream_.emplace(fd_.get(), stream_begin_, slice_.file_size);
  scan_.start(*stream_, options_.format.delimiter);
  const auto header = scan_.next(0);
  if (!header) return whole_file(1);
  if (header->at_end) {
    if (scan_.ended_in_quotes()) whole_file(1);
    return;
  }
  if (!read_header(stream_begin_, stream_begin_ + header->end)) {
    return whole_file(header->end > kMostHeaderBytes ? 0 : 1);
  }
  slice_.offset = stream_begin_ + header->end;
  scanning_ = true;
}

void CsvCutter::resume_after(const CsvSlice& last) {
  held_.reset();
  scanning_ = false;
  slice_ = last;
  const std::uint64_t end = last.offset + last.length;
  slice_.offset = end;
  if (end >= last.file_size) return;

  const bool readable = open();
  const bool same = slice_.file_size == last.file_size && slice_.modified_ns == last.modified_ns;
  slice_.file_size = last.file_size;
  slice_.modified_ns = last.modified_ns;
  if (!readable || !same) return rest_of_file(1);

  // How many rows the last slice had is not stored, blank ones included: pass over it once more.
  stream_begin_ = last.offset;
  stream_.emplace(fd_.get(), stream_begin_, slice_.file_size);
  scan_.start(*stream_, options_.format.delimiter);
  const auto passed = scan_.next(last.length);
  if (!passed || passed->end != last.length) return rest_of_file(1);
  slice_.first_row = last.first_row + passed->rows;
  scanning_ = true;
}

std::optional<CsvSlice> CsvCutter::next() {
  while (scanning_) {
    const auto stride = scan_.next(saturated_sum(slice_.offset - stream_begin_, options_.slice_bytes));
    if (!stride) {
      std::optional<CsvSlice> before = std::move(held_);
      rest_of_file(1);
      if (before) return before;
      break;
    }
    const std::uint64_t end = stream_begin_ + stride->end;
    scanning_ = !stride->at_end;
    if (stride->records == 0) {  // blank records at the end
      if (held_) held_->length = end - held_->offset;
      break;
    }
    slice_.length = end - slice_.offset;
    slice_.records = stride->records;
    std::optional<CsvSlice> before = std::exchange(held_, slice_);
    slice_.offset = end;
    slice_.first_row += stride->rows;
    if (before) return before;
  }
  if (!held_) {
    fd_.close();
    return std::nullopt;
  }
  std::optional<CsvSlice> last = std::move(held_);
  held_.reset();
  return last;
}

}  // namespace parallelrun
