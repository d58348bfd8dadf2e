#include "runner/input/line_scan.h"

#include <algorithm>

namespace parallelrun {
namespace {

bool has_text(std::string_view bytes) { return bytes.find_first_not_of(" \t\r\n") != std::string_view::npos; }

}  // namespace

std::uint64_t count_lines(std::string_view bytes) {
  std::uint64_t lines = 0;
  while (!bytes.empty()) {
    const std::string_view line = bytes.substr(0, bytes.find('\n'));
    lines += has_text(line) ? 1U : 0U;
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
  }
  return lines;
}

LineScan::LineScan() : buffer_(std::make_unique_for_overwrite<char[]>(kBufferBytes)) {}

void LineScan::start(ByteStream& stream) {
  stream_ = &stream;
  at_ = size_ = 0;
  offset_ = 0;
  hash_.take();
}

Result<bool> LineScan::fill() {
  if (at_ < size_) return true;
  const Result<std::size_t> got = stream_->read(buffer_.get(), kBufferBytes);
  if (!got) return got.error();
  at_ = 0;
  size_ = *got;
  return size_ > 0;
}

void LineScan::pass(std::size_t size) {
  hash_.update({buffer_.get() + at_, size});
  at_ += size;
  offset_ += size;
}

Result<RecordStride> LineScan::next(std::uint64_t least_end) {
  RecordStride stride;
  bool begun = false;  // bytes of a line that has not ended
  bool text = false;   // among them, other than blanks
  const auto end_line = [&] {
    ++stride.rows;
    if (text) {
      ++stride.records;
    } else if (stride.records == 0) {
      ++stride.blanks_before;
    }
    begun = text = false;
  };
  while (true) {
    const Result<bool> more = fill();
    if (!more) return more.error();
    if (!*more) break;
    if (!begun && stride.records > 0 && offset_ >= least_end) {
      stride.end = offset_;
      stride.hash = hash_.take();
      return stride;
    }
    const std::string_view rest(buffer_.get() + at_, size_ - at_);
    const std::size_t line_end = rest.find('\n');
    const std::string_view line = rest.substr(0, line_end);
    begun = true;
    text = text || has_text(line);
    pass(line_end == std::string_view::npos ? line.size() : line.size() + 1);
    if (line_end != std::string_view::npos) end_line();
  }
  if (begun) end_line();
  stride.end = offset_;
  stride.at_end = true;
  stride.hash = hash_.take();
  return stride;
}

}  // namespace parallelrun
