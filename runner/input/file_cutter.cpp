#include "runner/input/file_cutter.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "runner/input/csv_format.h"
#include "runner/input/slice_hash.h"

namespace parallelrun {
namespace {

std::uint64_t saturated_sum(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b ? std::numeric_limits<std::uint64_t>::max()
                                                           : a + b;
}

}  // namespace

FileCutter::FileCutter(std::uint64_t slice_bytes, TableFiles& files)
    : slice_bytes_(std::max<std::uint64_t>(slice_bytes, 1)), files_(files) {}

bool FileCutter::open() {
  file_ = files_.open(slice_.path);
  slice_.file_size = file_->size();
  return file_->state().ok();
}

void FileCutter::whole_file(std::uint64_t records, FileSlice::Check check, std::uint64_t first_row) {
  slice_.header.clear();
  slice_.offset = 0;
  slice_.first_row = first_row;
  rest_of_file(records, check);
}

void FileCutter::rest_of_file(std::uint64_t records, FileSlice::Check check) {
  slice_.length = slice_.file_size - slice_.offset;
  slice_.records = records;
  slice_.check = check;
  slice_.hash = 0;
  const bool whole = check == FileSlice::Check::kBytes;
  if (whole || check == FileSlice::Check::kEnds) {
    const Result<std::uint64_t> hash = whole ? slice_hash_of(*file_, slice_.offset, slice_.file_size)
                                             : slice_hash_of_ends(*file_, slice_.file_size);
    slice_.hash = hash ? *hash : 0;
    if (!hash) slice_.check = FileSlice::Check::kSize;
  }
  held_ = slice_;
  scanning_ = false;
}

ByteStream& FileCutter::stream_from(std::uint64_t offset) {
  stream_begin_ = offset;
  return stream_.emplace(*file_, stream_begin_, slice_.file_size);
}

void FileCutter::cut_from(std::uint64_t begin, std::string header) {
  slice_.offset = stream_begin_ + begin;
  slice_.header = std::move(header);
  slice_.check = FileSlice::Check::kBytes;
  scanning_ = true;
}

void FileCutter::reset(FileSlice slice) {
  held_.reset();
  scanning_ = false;
  without_records_.reset();
  slice_ = std::move(slice);
}

void FileCutter::start(std::string path) {
  using Check = FileSlice::Check;
  FileSlice slice;
  slice.path = std::move(path);
  slice.first_row = 1;
  reset(std::move(slice));
  if (!open()) return whole_file(1, Check::kSize);
  if (slice_.file_size == 0) return no_records(PassedKind::kEmptyTable);
  std::array<char, kFormatHead> first{};
  const auto first_size = file_->read(0, first.data(), first.size());
  const std::string_view head(first.data(), first_size ? *first_size : 0);
  if (is_packed(head)) return whole_file(0, Check::kEnds);
  begin(head);
}

void FileCutter::resume_after(const FileSlice& last) {
  using Check = FileSlice::Check;
  reset(last);
  const std::uint64_t end = last.offset + last.length;
  slice_.offset = end;
  if (end >= last.file_size) return;

  const bool readable = open();
  const bool same_size = slice_.file_size == last.file_size;
  slice_.file_size = last.file_size;
  if (!readable) return rest_of_file(1, Check::kSize);
  if (!same_size) return rest_of_file(1, Check::kChanged);

  // How many rows the last slice had is not stored, nor the blank ones before its first: pass over it once
  // more.
  begin_scan(stream_from(last.offset));
  const auto passed = scan(last.length);
  if (!passed) return rest_of_file(1, Check::kSize);
  if (passed->end != last.length || passed->hash != last.hash) return rest_of_file(1, Check::kChanged);
  slice_.first_row = last.first_row - passed->blanks_before + passed->rows;
  scanning_ = true;
}

std::optional<FileSlice> FileCutter::next() {
  while (scanning_) {
    const auto stride = scan(saturated_sum(slice_.offset - stream_begin_, slice_bytes_));
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
        if (slice_.first_row == 1) without_records_ = all_blank();
        break;
      }
      held_->length = end - held_->offset;
      const auto longer = slice_hash_of(*file_, held_->offset, end);
      held_->hash = longer ? *longer : 0;
      break;
    }
    slice_.length = end - slice_.offset;
    slice_.records = stride->records;
    slice_.hash = stride->hash;
    std::optional<FileSlice> before = std::exchange(held_, slice_);
    held_->first_row += stride->blanks_before;
    slice_.offset = end;
    slice_.first_row += stride->rows;
    if (before) return before;
  }
  if (!held_) {
    file_.reset();
    return std::nullopt;
  }
  std::optional<FileSlice> last = std::move(held_);
  held_.reset();
  return last;
}

}  // namespace parallelrun
