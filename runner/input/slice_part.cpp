#include "runner/input/slice_part.h"

#include "common/result/try.h"
#include "runner/input/slice_format.h"
#include "runner/input/slice_hash.h"
#include "runner/input/table_file.h"

namespace parallelrun {
namespace {

Error changed(const FileSlice& whole) {
  return Error{ErrorCode::kConflict, whole.path + " has changed since it was planned: bytes " +
                                         std::to_string(whole.offset) + " to " +
                                         std::to_string(whole.offset + whole.length) + " are different"};
}

Error unreadable(const FileSlice& whole, const std::string& why) {
  return Error{ErrorCode::kIo, whole.path + " cannot be read: " + why};
}

}  // namespace

Result<std::optional<FileSlice>> part_of_slice(const SliceFormat& format, const FileSlice& whole,
                                               ItemRange range, TableFiles& files) {
  const bool known = whole.check == FileSlice::Check::kBytes && whole.records > 0;
  if (!known || !format.is_scanned(whole)) return std::optional<FileSlice>();
  const std::unique_ptr<TableFile> file = files.open(whole.path);
  if (const Status state = file->state(); !state) return unreadable(whole, state.error().message);

  TableStream bytes(*file, whole.offset, whole.offset + whole.length);
  const Result<std::optional<SlicePart>> found = format.find_items(bytes, range);
  if (!found) return unreadable(whole, found.error().message);
  if (!found.value()) return changed(whole);

  FileSlice part = whole;
  part.offset = whole.offset + found.value()->begin;
  const bool last = range.end == whole.records;
  part.length = (last ? whole.length : found.value()->end) - found.value()->begin;
  part.first_row = whole.first_row + found.value()->first_row;
  part.records = range.size();
  const auto hashes = slice_hashes_of(*file, {whole.offset, whole.length}, {part.offset, part.length});
  if (!hashes) return unreadable(whole, hashes.error().message);
  if (hashes.value().whole != whole.hash) return changed(whole);
  part.hash = hashes.value().part;
  return std::optional(std::move(part));
}

}  // namespace parallelrun
