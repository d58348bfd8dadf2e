// What the formats have in common whose mini-batches are runs of whole records of one file: tables.
#pragma once

#include <vector>

#include "runner/input/input_format.h"
#include "runner/input/record_piece.h"
#include "runner/input/slice_cutter.h"
#include "runner/input/slice_part.h"

namespace parallelrun {

// A mini-batch is a slice of about `miniBatchSize` bytes; none crosses the border of a file. Columns have one
// type in the whole input.
class SliceFormat : public InputFormat {
 public:
  std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options) const override;
  Result<std::string> last_object(std::string_view descriptor) const override;
  bool infers_types() const override { return true; }
  Result<std::optional<Sample>> sample(Listing& listing, const std::string& root) const override;
  nlohmann::ordered_json items_of(std::string_view descriptor, const std::string& root) const override;
  Result<std::optional<InputCutter::Piece>> part_of(std::string_view descriptor, ItemRange range,
                                                    const std::string& root) const override;

  // --- what each of them has of its own ---
  virtual std::unique_ptr<SliceCutter> slices(std::uint64_t slice_bytes) const = 0;
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
