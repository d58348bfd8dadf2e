#include "runner/input/slice_format.h"

#include <utility>

#include "common/json/json.h"
#include "common/result/try.h"
#include "runner/input/item_names.h"
#include "runner/input/slice_sample.h"

namespace parallelrun {
namespace {

class FileByFile final : public InputCutter {
 public:
  FileByFile(const SliceFormat& format, Listing& listing, InputFormat::CutterOptions options,
             TableFiles& files, SliceFormat::Describe describe)
      : format_(format),
        listing_(listing),
        options_(std::move(options)),
        files_(files),
        describe_(std::move(describe)),
        slices_(format.slices(options_.mini_batch_size, files)) {}

  Result<std::optional<Piece>> next() override {
    while (true) {
      std::optional<FileSlice> slice = slices_->next();
      RETURN_IF_ERROR(files_.state());
      if (slice) {
        if (std::exchange(at_first_slice_, false)) compare_header(slice->header);
        slice->path.erase(0, options_.root.size());
        return std::optional<Piece>(Piece{slice->records, describe_(*slice)});
      }
      const std::optional<PassedKind> without = slices_->without_records();
      if (without && !file_.empty()) pass(*without);
      if (!file_.empty()) files_.forget(options_.root + file_);
      file_.clear();
      const Result<std::optional<ListedObject>> object = listing_.next();
      if (!object) return object.error();
      if (!*object) return std::optional<Piece>();
      ++objects_;
      file_ = (*object)->path();
      at_first_slice_ = true;
      slices_->start(options_.root + file_);
    }
  }

  Status resume_after(std::string_view descriptor) override {
    Result<FileSlice> last = decode_file_slice(format_.kind(), descriptor);
    if (!last) return last.error();
    last->path.insert(0, options_.root);
    first_header_ = last->header;
    slices_->resume_after(*last);
    return {};
  }
  std::uint64_t objects() const override { return objects_; }

 private:
  void pass(PassedKind kind) {
    if (options_.passed != nullptr) options_.passed->add(kind, file_);
  }

  // Only the worker knows the header of a file that comes whole.
  void compare_header(const std::string& header) {
    if (header.empty()) return;
    if (first_header_.empty()) {
      first_header_ = header;
    } else if (const auto kind = format_.other_header(first_header_, header)) {
      pass(*kind);
    }
  }

  const SliceFormat& format_;
  Listing& listing_;
  InputFormat::CutterOptions options_;
  TableFiles& files_;
  SliceFormat::Describe describe_;
  std::unique_ptr<SliceCutter> slices_;
  std::uint64_t objects_ = 0;
  std::string file_;             // that slices_ has begun, below the root; empty: none, or told
  bool at_first_slice_ = false;  // of it
  std::string first_header_;     // of the input's files, as far as this cutter has seen them
};

}  // namespace

std::unique_ptr<InputCutter> SliceFormat::cutter(Listing& listing, CutterOptions options) const {
  return cutter(listing, std::move(options), local_files(),
                [kind = kind()](const FileSlice& slice) { return encode(kind, slice); });
}

std::unique_ptr<InputCutter> SliceFormat::cutter(Listing& listing, CutterOptions options, TableFiles& files,
                                                 Describe describe) const {
  return std::make_unique<FileByFile>(*this, listing, std::move(options), files, std::move(describe));
}

Result<std::string> SliceFormat::last_object(std::string_view descriptor) const {
  Result<FileSlice> slice = decode_file_slice(kind(), descriptor);
  if (!slice) return slice.error();
  return std::move(slice->path);
}

Result<std::optional<InputFormat::Sample>> SliceFormat::sample(Listing& listing,
                                                               const std::string& root) const {
  return sample(listing, root, local_files(),
                [kind = kind()](const FileSlice& slice) { return encode(kind, slice); });
}

Result<std::optional<InputFormat::Sample>> SliceFormat::sample(Listing& listing, const std::string& root,
                                                               TableFiles& files,
                                                               const Describe& describe) const {
  Result<std::vector<FileSlice>> slices = sample_slices(listing, root, *this, {}, files);
  if (!slices) return slices.error();
  RETURN_IF_ERROR(files.state());
  if (slices->empty()) return std::optional<Sample>();
  Sample sample;
  sample.warning = warning(*slices);
  std::vector<std::string> descriptors;
  for (FileSlice& slice : *slices) {
    slice.path.erase(0, root.size());
    descriptors.push_back(describe(slice));
  }
  sample.descriptor = encode_sample(descriptors);
  return std::optional<Sample>(std::move(sample));
}

Result<std::vector<PieceOfFile>> SliceFormat::pieces_of(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(FileSlice slice, decode_file_slice(kind(), descriptor));
  PieceOfFile piece{std::move(slice.path), false, std::nullopt};
  // Of others, what is read lies behind a footer.
  if (reads_all()) piece.bytes = ByteRange{slice.offset, slice.length};
  return std::vector<PieceOfFile>{std::move(piece)};
}

nlohmann::ordered_json SliceFormat::items_of(std::string_view descriptor, const std::string& root) const {
  nlohmann::ordered_json members = nlohmann::ordered_json::object();
  if (const Result<FileSlice> slice = decode_file_slice(kind(), descriptor)) {
    add_file(members, root + slice->path);
    members["firstRow"] = slice->first_row;
    members["records"] = slice->records;
  }
  return members;
}

Result<std::optional<InputCutter::Piece>> SliceFormat::part_of(std::string_view descriptor, ItemRange range,
                                                               const std::string& root) const {
  ASSIGN_OR_RETURN(FileSlice whole, decode_file_slice(kind(), descriptor));
  whole.path.insert(0, root);
  ASSIGN_OR_RETURN(std::optional<FileSlice> part, part_of(whole, range, local_files()));
  if (!part) return std::optional<InputCutter::Piece>();
  part->path.erase(0, root.size());
  return std::optional(InputCutter::Piece{part->records, encode(kind(), *part)});
}

Result<std::optional<FileSlice>> SliceFormat::part_of(const FileSlice& whole, ItemRange range,
                                                      TableFiles& files) const {
  if (whole.records > 0) RETURN_IF_ERROR(check_range(range, whole.records));
  auto part = part_of_one(whole, range, files);
  RETURN_IF_ERROR(files.state());
  return part;
}

Result<std::optional<FileSlice>> SliceFormat::part_of_one(const FileSlice& whole, ItemRange range,
                                                          TableFiles& files) const {
  return part_of_slice(*this, whole, range, files);
}

std::optional<PassedKind> SliceFormat::other_header(std::string_view, std::string_view) const { return {}; }

std::optional<std::string> SliceFormat::warning(const std::vector<FileSlice>&) const { return {}; }

}  // namespace parallelrun
