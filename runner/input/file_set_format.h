// File inputs: `miniBatchSize` objects are a mini-batch, whatever is in them.
#pragma once

#include "runner/input/input_format.h"

namespace parallelrun {

class FileSetFormat final : public InputFormat {
 public:
  explicit FileSetFormat(const Input&) {}

  DescriptorKind kind() const override { return DescriptorKind::kFileSet; }
  std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options) const override;
  Result<std::string> last_object(std::string_view descriptor) const override;
  Result<std::optional<std::vector<std::string>>> objects_of(std::string_view descriptor) const override;
  nlohmann::ordered_json items_of(std::string_view descriptor, const std::string& root) const override;
  Result<std::optional<InputCutter::Piece>> part_of(std::string_view descriptor, ItemRange range,
                                                    const std::string& root) const override;
};

}  // namespace parallelrun
