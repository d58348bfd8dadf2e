// What the formats have in common whose mini-batches are runs of whole records of one file: tables.
#pragma once

#include <functional>
#include <vector>

#include "runner/input/input_format.h"
#include "runner/input/record_piece.h"
#include "runner/input/slice_cutter.h"
#include "runner/input/slice_part.h"
#include "runner/input/table_file.h"

namespace parallelrun {

// A mini-batch is a slice of about `miniBatchSize` bytes; none crosses the border of a file. Columns have one
// type in the whole input.
class SliceFormat : public InputFormat {
 public:
  std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options) const override;
  Result<std::string> last_object(std::string_view descriptor) const override;
  Result<std::vector<PieceOfFile>> pieces_of(std::string_view descriptor) const override;
  bool cuts_objects() const override { return true; }
  bool infers_types() const override { return true; }
  Result<std::optional<Sample>> sample(Listing& listing, const std::string& root) const override;
  nlohmann::ordered_json items_of(std::string_view descriptor, const std::string& root) const override;
  Result<std::optional<InputCutter::Piece>> part_of(std::string_view descriptor, ItemRange range,
                                                    const std::string& root) const override;

  std::unique_ptr<SliceCutter> slices(std::uint64_t slice_bytes, TableFiles& files = local_files()) const {
    return make_slices(slice_bytes, files);
  }

  // --- tables that lie elsewhere than in a directory ---
  // The descriptor of a slice, whose path is below the root.
  using Describe = std::function<std::string(const FileSlice&)>;
  // As the two without `files`, which must outlive the cutter. Further errors: those of files.state().
  std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options, TableFiles& files,
                                      Describe describe) const;
  Result<std::optional<Sample>> sample(Listing& listing, const std::string& root, TableFiles& files,
                                       const Describe& describe) const;
  // As part_of(), of a slice whose path `files` open.
  Result<std::optional<FileSlice>> part_of(const FileSlice& whole, ItemRange range, TableFiles& files) const;
  // Whether all of a file is read to cut it.
  virtual bool reads_all() const { return true; }

  // --- what each of them has of its own ---
  virtual std::unique_ptr<SliceCutter> make_slices(std::uint64_t slice_bytes, TableFiles& files) const = 0;
  // Of a slice that has such items, if their number is known.
  virtual Result<std::optional<FileSlice>> part_of_one(const FileSlice& whole, ItemRange range,
                                                       TableFiles& files) const;
  // The whole records in a piece from somewhere in the file of `first`, its first slice. Nothing where that
  // cannot be told. `at_file_end`: the last record needs no line break.
  virtual std::optional<RecordPiece> records_in(std::string_view piece, const FileSlice& first,
                                                bool at_file_end) const = 0;
  // Whether a scan of its bytes finds the records of this slice, as one did when it was cut. False: it is a
  // file that came whole, since only a worker can read it.
  virtual bool is_scanned(const FileSlice& slice) const = 0;
  // Where items lie in the bytes of such a slice; nothing: it has fewer. Errors: those of `slice`.
  virtual Result<std::optional<SlicePart>> find_items(ByteStream& slice, ItemRange range) const = 0;
  // What is noted of a file whose header is not that of the input's first one.
  virtual std::optional<PassedKind> other_header(std::string_view first, std::string_view other) const;
  // Of an input that is hardly read as the user means it, by slices of its files, in a sentence.
  virtual std::optional<std::string> warning(const std::vector<FileSlice>& sample) const;
};

}  // namespace parallelrun
