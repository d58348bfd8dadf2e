// Tabular inputs that are a table or a query of a database. The data process says which ranges of a key are
// mini-batches, and makes of the rows of one a file for the worker process. No row passes through here.
#pragma once

#include "runner/input/input_format.h"

namespace parallelrun {

// Descriptor: u8 kind=8 | bytes name | bytes facts. `name` is the data process' own way of saying which rows
// it is, in the descriptor of a worker process the path of their file. `facts` is JSON: {"first": number of
// the first row in the order of the key, "rows": 0 where it is not known, "label": for people,
// "partitionKeys": {name: value} of a job that has some}; the rest of it is the data process'
// (runner/python/parallelrun_data/sql_place.py), which is told the partition keys and has the database group
// by them.
class SqlTableFormat final : public InputFormat {
 public:
  explicit SqlTableFormat(const Input& input) : input_(input) {}

  DescriptorKind kind() const override { return DescriptorKind::kSqlRange; }
  std::unique_ptr<InputCutter> cutter(Listing& listing, CutterOptions options) const override;
  Result<std::string> last_object(std::string_view descriptor) const override;
  nlohmann::ordered_json items_of(std::string_view descriptor, const std::string& root) const override;
  // Nothing: rows of the same key have no order in a database.
  Result<std::optional<InputCutter::Piece>> part_of(std::string_view descriptor, ItemRange range,
                                                    const std::string& root) const override;
  Result<std::vector<StoredObject>> objects_to_fetch(std::string_view descriptor) const override;
  std::string localized(std::string_view descriptor, const std::vector<std::string>& paths) const override;
  void tell_worker(nlohmann::json& entry) const override;

 private:
  Input input_;
};

}  // namespace parallelrun
