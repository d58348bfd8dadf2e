// File inputs whose objects lie in a store: `miniBatchSize` objects are a mini-batch, which knows of each its
// size and version. An agent has them fetched, and gives its worker processes the plain set of files.
#pragma once

#include "runner/input/input_format.h"

namespace parallelrun {

// Descriptor: u8 kind=6 | bytes of a FileSet's descriptor | u32 objects | objects x { u8 size is known |
// u64 size | bytes version }.
class StoreFileSetFormat final : public InputFormat {
 public:
  explicit StoreFileSetFormat(const Input&) {}

  // Of what worker processes get: see localized().
  DescriptorKind kind() const override { return DescriptorKind::kFileSet; }
  std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options) const override;
  Result<std::string> last_object(std::string_view descriptor) const override;
  Result<std::optional<std::vector<std::string>>> objects_of(std::string_view descriptor) const override;
  nlohmann::ordered_json items_of(std::string_view descriptor, const std::string& root) const override;
  Result<std::optional<InputCutter::Piece>> part_of(std::string_view descriptor, ItemRange range,
                                                    const std::string& root) const override;
  Result<std::vector<StoredObject>> objects_to_fetch(std::string_view descriptor) const override;
  std::string localized(std::string_view descriptor, const std::vector<std::string>& paths) const override;
};

}  // namespace parallelrun
