#include "runner/input/sql_table.h"

#include <utility>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/result/try.h"
#include "runner/input/column_declarations.h"
#include "runner/input/item_names.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

using nlohmann::json;

struct Range {
  std::string name;
  std::string facts;  // JSON
};

std::string encode(const Range& range) {
  std::string out;
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(DescriptorKind::kSqlRange));
  writer.bytes(range.name);
  writer.bytes(range.facts);
  return out;
}

Result<Range> decode_range(std::string_view descriptor) {
  wire::Reader reader(descriptor);
  if (reader.u8() != static_cast<std::uint8_t>(DescriptorKind::kSqlRange))
    return corrupt_descriptor("it is no range of a database");
  Range range;
  range.name = reader.string();
  range.facts = reader.string();
  if (!reader.done()) return corrupt_descriptor("bytes are missing or left over");
  return range;
}

// Null where it is no JSON.
json facts_of(const Range& range) {
  json facts = json::parse(range.facts, nullptr, false);
  return facts.is_object() ? facts : json();
}

class SqlCutter final : public InputCutter {
 public:
  explicit SqlCutter(Listing& listing) : listing_(listing) {}

  Result<std::optional<Piece>> next() override {
    ASSIGN_OR_RETURN(const std::optional<ListedObject> object, listing_.next());
    if (!object) return std::optional<Piece>();
    ++objects_;
    const Range range{object->path(), std::string(object->version)};
    const json facts = facts_of(range);
    if (facts.is_null()) return corrupt_descriptor("the data process says nothing of its rows");
    return std::optional(Piece{count_at(facts, "rows"), encode(range)});
  }

  // The listing begins behind it.
  Status resume_after(std::string_view descriptor) override {
    const auto range = decode_range(descriptor);
    return range ? Status() : Status(range.error());
  }
  std::uint64_t objects() const override { return objects_; }

 private:
  Listing& listing_;
  std::uint64_t objects_ = 0;
};

}  // namespace

std::unique_ptr<InputCutter> SqlTableFormat::cutter(Listing& listing, CutterOptions) const {
  return std::make_unique<SqlCutter>(listing);
}

Result<std::string> SqlTableFormat::last_object(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(Range range, decode_range(descriptor));
  return std::move(range.name);
}

nlohmann::ordered_json SqlTableFormat::items_of(std::string_view descriptor, const std::string& root) const {
  nlohmann::ordered_json members = nlohmann::ordered_json::object();
  if (const Result<Range> range = decode_range(descriptor)) {
    const json facts = facts_of(*range);
    if (const auto keys = facts.find("partitionKeys"); keys != facts.end()) members["partitionKeys"] = *keys;
    add_file(members, root + text_at(facts, "label"));
    members["firstRow"] = count_at(facts, "first");
    members["records"] = count_at(facts, "rows");
  }
  return members;
}

Result<std::optional<InputCutter::Piece>> SqlTableFormat::part_of(std::string_view descriptor, ItemRange,
                                                                  const std::string&) const {
  ASSIGN_OR_RETURN(const Range range, decode_range(descriptor));
  return std::optional<InputCutter::Piece>();
}

Result<std::vector<StoredObject>> SqlTableFormat::objects_to_fetch(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(Range range, decode_range(descriptor));
  StoredObject object;
  // What it will take on disk is told to the data process by its own estimate.
  const json facts = facts_of(range);
  if (const std::uint64_t bytes = count_at(facts, "bytes"); bytes > 0) object.size = bytes;
  object.name = std::move(range.name);
  object.version = std::move(range.facts);
  return std::vector<StoredObject>{std::move(object)};
}

std::string SqlTableFormat::localized(std::string_view descriptor,
                                      const std::vector<std::string>& paths) const {
  Result<Range> range = decode_range(descriptor);
  if (!range || paths.empty()) return std::string(descriptor);
  range->name = paths.front();
  return encode(*range);
}

void SqlTableFormat::tell_worker(json& entry) const { entry["columns"] = declared_columns(input_); }

}  // namespace parallelrun
