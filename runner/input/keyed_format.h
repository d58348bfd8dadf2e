// Inputs of a job with partition keys [partition_keys]: all items with the same values are one mini-batch,
// whichever files they are in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runner/input/input_format.h"
#include "runner/input/keyed_batch.h"
#include "runner/input/path_keys.h"
#include "runner/input/table_groups.h"

namespace parallelrun {

// Around the format of the input. Each key is in the paths of files (path_keys.h), or a column. Where all are
// in paths, a mini-batch is some whole files. Else the records are grouped on disk (record_groups.h) before
// the first mini-batch. Mini-batches come in bytewise order of the values as they are compared.
class KeyedFormat final : public InputFormat {
 public:
  KeyedFormat(const Input& input, std::vector<std::string> keys, std::unique_ptr<InputFormat> inside);

  DescriptorKind kind() const override { return DescriptorKind::kKeyed; }
  std::string default_glob() const override { return inside_->default_glob(); }
  std::string default_endings() const override { return inside_->default_endings(); }
  bool lists_all() const override { return true; }
  Status check(Listing& listing, const std::string& root) const override;
  std::string nothing_in(std::uint64_t objects) const override { return inside_->nothing_in(objects); }
  std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options) const override;
  Result<std::string> last_object(std::string_view descriptor) const override;
  // For grouped records it gives all objects: each may have records of the same values.
  Result<std::optional<std::vector<std::string>>> objects_of(std::string_view descriptor) const override;
  Result<std::vector<PieceOfFile>> pieces_of(std::string_view descriptor) const override;
  // For grouped records it gives the values: each plan puts the records into another place.
  std::string same_items(std::string_view descriptor) const override;
  // Of files; records of a group cannot be told apart here.
  Result<std::optional<InputCutter::Piece>> part_of(std::string_view descriptor, ItemRange range,
                                                    const std::string& root) const override;
  bool infers_types() const override { return inside_->infers_types(); }
  Result<std::optional<Sample>> sample(Listing& listing, const std::string& root) const override {
    return inside_->sample(listing, root);
  }
  bool cuts_objects() const override { return inside_->cuts_objects(); }
  // Of a sample, too: its descriptors are those of the format inside.
  Result<std::vector<StoredObject>> objects_to_fetch(std::string_view descriptor) const override;
  std::string localized(std::string_view descriptor, const std::vector<std::string>& paths) const override;
  nlohmann::ordered_json items_of(std::string_view descriptor, const std::string& root) const override;
  void tell_worker(nlohmann::json& entry) const override;

  // --- for its cutter ---
  struct Origin {
    std::vector<bool> in_path;  // by key; the others are columns
    std::size_t columns() const;
  };
  // Which keys the paths give, by those of one file.
  Origin origin_of(const std::vector<PathKey>& first) const;
  // The values of the keys in a path; nothing: one that paths give is not there.
  std::optional<KeyTexts> texts_of(const std::string& path, const Origin& origin) const;
  KeyTexts canonical(const KeyTexts& texts, const Origin& origin) const;
  std::vector<KeyedBatch::Key> keys_of(const KeyTexts& texts, const std::vector<KeyType>& types,
                                       const Origin& origin) const;
  std::optional<KeyType> declared(std::size_t key) const;
  // All but where groups lie.
  TableGrouping table_grouping(const Origin& origin, const TableSource& tables) const;
  const std::vector<std::string>& keys() const { return keys_; }
  const PathKeys& paths() const { return paths_; }
  const InputFormat& inside() const { return *inside_; }
  bool is_table() const { return input_.type == InputType::kTabular; }
  // The sentence for a key that no path and no column gives.
  Error unknown_key(const std::string& key, const std::vector<std::string>& known,
                    const std::string& where) const;

 private:
  class ColumnCheck;

  const Input input_;
  const std::vector<std::string> keys_;
  const std::unique_ptr<InputFormat> inside_;
  PathKeys paths_;
  std::optional<Error> broken_;  // the pattern
};

}  // namespace parallelrun
