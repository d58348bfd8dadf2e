// What cutters of files have in common: opening, whole files, slices of whole records, going on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runner/input/record_stride.h"
#include "runner/input/slice_cutter.h"
#include "runner/input/table_file.h"

namespace parallelrun {

// The byte order mark of UTF-8, which a file may begin with.
inline constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

// A slice comes out as soon as the scan has found its end (and seen that another record follows), and the
// next one is looked for when it is asked for. Memory stays bounded, however long the file or a record is;
// the bounded buffers serve all files.
//
// The slices of a file follow each other without a gap from its first record to the end of the file, and each
// but the last is the shortest run of records of at least `slice_bytes` bytes. Blank records at the end
// belong to the last slice.
//
// A file that cannot be cut comes as one slice for the whole of it, which begins at offset 0:
//   - a packed one (is_packed), with `records` 0, not known;
//   - one that cannot be read, with `records` 1, so that the worker's failure counts.
// A read error in the middle makes the rest of the file one slice of one record, for the same reason.
class FileCutter : public SliceCutter {
 public:
  // `slice_bytes`: `miniBatchSize`; at least 1. `files` must outlive the cutter.
  explicit FileCutter(std::uint64_t slice_bytes, TableFiles& files = local_files());
  FileCutter(const FileCutter&) = delete;
  FileCutter& operator=(const FileCutter&) = delete;

  void start(std::string path) final;
  void resume_after(const FileSlice& last) final;
  std::optional<FileSlice> next() final;
  std::optional<PassedKind> without_records() const final { return without_records_; }

 protected:
  // --- what a format does ---
  // Begins a file that is open, not empty and not packed: whole_file(), no_records() or cut_from(). `head` is
  // its first bytes (kFormatHead, csv_format.h).
  virtual void begin(std::string_view head) = 0;
  // Begins to walk over records; `records` begins with one and lives as long as it is walked over.
  virtual void begin_scan(ByteStream& records) = 0;
  // Moves on to the first end of a record that lies at `least_end` of the stream or behind and has at least
  // one record that is not blank before it. Errors: kIo.
  virtual Result<RecordStride> scan(std::uint64_t least_end) = 0;
  // Why there is no slice where all records are blank.
  virtual PassedKind all_blank() const = 0;

  // --- what it does that with ---
  TableFile& file() { return *file_; }
  std::uint64_t file_size() const { return slice_.file_size; }
  // The one slice of a file that is not cut.
  void whole_file(std::uint64_t records, FileSlice::Check check, std::uint64_t first_row = 1);
  void no_records(PassedKind why) { without_records_ = why; }
  // Walks over the bytes from `offset` on.
  ByteStream& stream_from(std::uint64_t offset);
  // Cuts what stream_from() was asked for, from `begin` of that stream on, under `header`.
  void cut_from(std::uint64_t begin, std::string header);

 private:
  bool open();  // fills the size of slice_; false: unreadable
  void reset(FileSlice slice);
  void rest_of_file(std::uint64_t records, FileSlice::Check check);

  std::uint64_t slice_bytes_;
  TableFiles& files_;
  std::unique_ptr<TableFile> file_;
  std::optional<TableStream> stream_;
  std::uint64_t stream_begin_ = 0;  // offset in the file of the scan's offset 0
  FileSlice slice_;                 // what all slices of the file share; offset and first row of the next
  std::optional<FileSlice> held_;   // found, and not given out until a record behind it is seen
  bool scanning_ = false;
  std::optional<PassedKind> without_records_;
};

}  // namespace parallelrun
