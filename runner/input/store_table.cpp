#include "runner/input/store_table.h"

#include <utility>

#include "common/json/json.h"
#include "common/result/try.h"
#include "runner/input/expecting_listing.h"
#include "runner/input/record_fields.h"
#include "runner/input/store_files.h"
#include "runner/wire/fields.h"

namespace parallelrun {

static void fields(auto& visit, wire::Is<ByteRange> auto& range) {
  visit(range.offset);
  visit(range.length);
}

namespace {

// A table that is read as a whole is cut from large windows; of others only the footers are read.
constexpr std::uint64_t kWindow = 4U << 20U;
constexpr std::uint64_t kWindowsAhead = 2;
constexpr std::uint64_t kSmallWindow = 64U << 10U;

struct StoreSlice {
  std::string slice;
  bool size_known = false;
  std::string version;
  std::vector<ByteRange> ranges;
};

void fields(auto& visit, wire::Is<StoreSlice> auto& slice) {
  visit(slice.slice);
  visit(slice.size_known);
  visit(slice.version);
  visit(slice.ranges);
}

std::string encode(const StoreSlice& slice) {
  std::string out;
  wire::Writer writer(out);
  wire::Encoder encoder(writer);
  encoder(static_cast<std::uint8_t>(DescriptorKind::kStoreSlice));
  encoder(slice);
  return out;
}

struct Decoded {
  StoreSlice outer;
  FileSlice slice;

  StoredObject object() const {
    StoredObject object{slice.path, std::nullopt, outer.version};
    if (outer.size_known) object.size = slice.file_size;
    return object;
  }
};

Result<Decoded> decode(DescriptorKind inside, std::string_view descriptor) {
  wire::Decoder decoder(descriptor);
  std::uint8_t kind = 0;
  decoder(kind);
  if (kind != static_cast<std::uint8_t>(DescriptorKind::kStoreSlice))
    return corrupt_descriptor("it is not a part of an object");
  Decoded found;
  decoder(found.outer);
  if (const char* problem = decoder.problem()) return corrupt_descriptor(std::string("it ") + problem);
  ASSIGN_OR_RETURN(found.slice, decode_file_slice(inside, found.outer.slice));
  for (const ByteRange& range : found.outer.ranges) {
    if (range.offset > found.slice.file_size || range.length > found.slice.file_size - range.offset)
      return corrupt_descriptor("a range reaches past the end of its object");
  }
  return found;
}

std::string describe(DescriptorKind inside, const StoreFiles& files, const FileSlice& slice,
                     std::vector<ByteRange> ranges) {
  StoreSlice outer;
  outer.slice = encode(inside, slice);
  if (const StoredObject* object = files.find(slice.path)) {
    outer.version = object->version;
    outer.size_known = object->size.has_value();
  }
  outer.ranges = std::move(ranges);
  return encode(outer);
}

// What of the object a worker process reads for a slice.
std::vector<ByteRange> ranges_of(const FileSlice& slice) {
  if (!slice.reads.empty()) return slice.reads;
  if (slice.length == 0) return {};
  return {{slice.offset, slice.length}};
}

// Of a sample, which tells the types: of a footer what is in it, and no row.
std::vector<ByteRange> ranges_of_sample(const FileSlice& slice) {
  if (slice.reads.empty()) return ranges_of(slice);
  return {slice.reads.front(), slice.reads.back()};
}

class StoreTableCutter final : public InputCutter {
 public:
  StoreTableCutter(const SliceFormat& format, Listing& listing, InputFormat::CutterOptions options,
                   StoreFiles::Options files)
      : format_(format), files_(std::move(files)), listing_(listing, files_, {"", format.reads_all()}) {
    options.root.clear();
    inside_ = format.cutter(listing_, std::move(options), files_, [this](const FileSlice& slice) {
      return describe(format_.kind(), files_, slice, ranges_of(slice));
    });
  }

  Result<std::optional<Piece>> next() override { return inside_->next(); }

  Status resume_after(std::string_view descriptor) override {
    ASSIGN_OR_RETURN(const Decoded last, decode(format_.kind(), descriptor));
    files_.announce(last.slice.path, last.object().size, last.outer.version);
    return inside_->resume_after(last.outer.slice);
  }
  std::uint64_t objects() const override { return inside_->objects(); }

 private:
  const SliceFormat& format_;
  StoreFiles files_;
  ExpectingListing listing_;
  std::unique_ptr<InputCutter> inside_;
};

}  // namespace

std::unique_ptr<InputCutter> StoreTableFormat::cutter(Listing& listing, CutterOptions options) const {
  const bool all = inside_->reads_all();
  StoreFiles::Options files{data_socket(), input_, options.root, all ? kWindow : kSmallWindow,
                            all ? kWindowsAhead : 1};
  return std::make_unique<StoreTableCutter>(*inside_, listing, std::move(options), std::move(files));
}

Result<std::string> StoreTableFormat::last_object(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(Decoded last, decode(kind(), descriptor));
  return std::move(last.slice.path);
}

Result<std::optional<InputCutter::Piece>> StoreTableFormat::part_of(std::string_view descriptor,
                                                                    ItemRange range,
                                                                    const std::string& root) const {
  ASSIGN_OR_RETURN(Decoded whole, decode(kind(), descriptor));
  StoreFiles files({data_socket(), input_, root, kSmallWindow, kWindowsAhead});
  files.announce(whole.slice.path, whole.object().size, whole.outer.version);
  ASSIGN_OR_RETURN(const std::optional<FileSlice> part, inside_->part_of(whole.slice, range, files));
  if (!part) return std::optional<InputCutter::Piece>();
  // The rows of a part lie in the bytes of the whole.
  std::vector<ByteRange> ranges = inside_->reads_all() ? ranges_of(*part) : whole.outer.ranges;
  return std::optional(InputCutter::Piece{part->records, describe(kind(), files, *part, std::move(ranges))});
}

Result<std::vector<StoredObject>> StoreTableFormat::objects_to_fetch(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(const Decoded found, decode(kind(), descriptor));
  StoredObject object = found.object();
  object.ranges = found.outer.ranges;
  return std::vector<StoredObject>{std::move(object)};
}

std::string StoreTableFormat::localized(std::string_view descriptor,
                                        const std::vector<std::string>& paths) const {
  auto found = decode(kind(), descriptor);
  if (!found || paths.empty()) return {};
  found->slice.path = paths.front();
  return encode(kind(), found->slice);
}

Result<std::optional<InputFormat::Sample>> StoreTableFormat::sample(Listing& listing,
                                                                    const std::string& root) const {
  StoreFiles files({data_socket(), input_, root, kSmallWindow, inside_->reads_all() ? kWindowsAhead : 1});
  return inside_->sample(listing, "", files, [&](const FileSlice& slice) {
    return describe(kind(), files, slice, ranges_of_sample(slice));
  });
}

std::unique_ptr<RecordFields> StoreTableFormat::record_fields(TableFiles& files) const {
  return inside_->record_fields(files);
}

TableSource StoreTableFormat::tables(const std::string& root) const {
  StoreFiles::Options files{data_socket(), input_, root, kWindow, kWindowsAhead};
  files.address = address_;
  files.for_mini_batches = false;  // they read the groups
  return {address_, std::make_unique<StoreFiles>(std::move(files))};
}

nlohmann::ordered_json StoreTableFormat::items_of(std::string_view descriptor,
                                                  const std::string& root) const {
  const auto found = decode(kind(), descriptor);
  return found ? inside_->items_of(found->outer.slice, root) : nlohmann::ordered_json::object();
}

}  // namespace parallelrun
