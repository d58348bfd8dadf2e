// Tabular inputs whose objects lie in a store. They are cut as files are (store_files.h); a mini-batch says
// which object in which version it is of, and which of its bytes a worker process reads. An agent has these
// fetched into a file of the object's size, at their places, so that its worker processes read what the
// format made.
#pragma once

#include "runner/input/input_listing.h"
#include "runner/input/slice_format.h"

namespace parallelrun {

// Descriptor: u8 kind=7 | bytes the format's own, with the object's name as path | u8 size is known |
// bytes version | u32 ranges | ranges x { u64 offset | u64 length }; no range: all of the object.
class StoreTableFormat final : public InputFormat {
 public:
  StoreTableFormat(const Input& input, std::unique_ptr<SliceFormat> inside)
      : input_(input.name), address_(shown_root(input, "")), inside_(std::move(inside)) {}

  // Of what worker processes get: see localized().
  DescriptorKind kind() const override { return inside_->kind(); }
  std::string default_glob() const override { return inside_->default_glob(); }
  std::string default_endings() const override { return inside_->default_endings(); }
  std::string nothing_in(std::uint64_t objects) const override { return inside_->nothing_in(objects); }
  // `options.root`: where the data process makes files of the objects.
  std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options) const override;
  Result<std::string> last_object(std::string_view descriptor) const override;
  Result<std::optional<InputCutter::Piece>> part_of(std::string_view descriptor, ItemRange range,
                                                    const std::string& root) const override;
  Result<std::vector<StoredObject>> objects_to_fetch(std::string_view descriptor) const override;
  std::string localized(std::string_view descriptor, const std::vector<std::string>& paths) const override;
  bool cuts_objects() const override { return inside_->cuts_objects(); }
  bool infers_types() const override { return inside_->infers_types(); }
  Result<std::optional<Sample>> sample(Listing& listing, const std::string& root) const override;
  std::unique_ptr<RecordFields> record_fields(TableFiles& files) const override;
  TableSource tables(const std::string& root) const override;
  nlohmann::ordered_json items_of(std::string_view descriptor, const std::string& root) const override;
  void tell_worker(nlohmann::json& entry) const override { inside_->tell_worker(entry); }

 private:
  std::string input_;
  std::string address_;  // of the store, with a '/' at the end
  std::unique_ptr<SliceFormat> inside_;
};

}  // namespace parallelrun
