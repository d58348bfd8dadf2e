// The list of the formats.
#include <algorithm>
#include <cstdlib>

#include "common/json/json.h"
#include "common/result/try.h"
#include "common/spec/path_names.h"
#include "common/spec/store_sources.h"
#include "common/text/counted.h"
#include "runner/input/csv_table_format.h"
#include "runner/input/file_set_format.h"
#include "runner/input/json_lines.h"
#include "runner/input/keyed_format.h"
#include "runner/input/parquet.h"
#include "runner/input/record_fields.h"
#include "runner/input/sql_table.h"
#include "runner/input/store_file_set.h"
#include "runner/input/store_table.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

using Make = std::unique_ptr<InputFormat> (*)(const Input&);

struct Known {
  InputType type;
  DataFormat format;  // of a tabular input
  Make make;
};

template <typename Format>
std::unique_ptr<InputFormat> make(const Input& input) {
  return std::make_unique<Format>(input);
}

constexpr Known kFormats[] = {
    {InputType::kFile, {}, make<FileSetFormat>},
    {InputType::kTabular, DataFormat::kCsv, make<CsvTableFormat>},
    {InputType::kTabular, DataFormat::kTsv, make<CsvTableFormat>},
    {InputType::kTabular, DataFormat::kJsonLines, make<JsonLinesFormat>},
    {InputType::kTabular, DataFormat::kParquet, make<ParquetFormat>},
};

Result<std::vector<std::string>> descriptors_of_sample(std::string_view sample) {
  wire::Reader reader(sample);
  std::vector<std::string> descriptors;
  reader.repeated(4, [&] {
    descriptors.push_back(reader.string());
    return true;
  });
  if (!reader.done()) return corrupt_descriptor("it is no sample");
  return descriptors;
}

}  // namespace

std::string encode_sample(const std::vector<std::string>& descriptors) {
  std::string sample;
  wire::Writer out(sample);
  out.u32(static_cast<std::uint32_t>(descriptors.size()));
  for (const std::string& descriptor : descriptors) out.bytes(descriptor);
  return sample;
}

static std::unique_ptr<InputFormat> open_plain_format(const Input& input) {
  if (is_database(input.source.store)) return std::make_unique<SqlTableFormat>(input);
  const bool stored = input.source.store.is_object();
  if (stored && input.type == InputType::kFile) return std::make_unique<StoreFileSetFormat>(input);
  for (const Known& known : kFormats) {
    const bool any = input.type != InputType::kTabular;
    if (known.type != input.type || (!any && known.format != input.format)) continue;
    std::unique_ptr<InputFormat> format = known.make(input);
    if (!stored) return format;
    // All that a tabular input can be is cut into slices.
    std::unique_ptr<SliceFormat> table(static_cast<SliceFormat*>(format.release()));
    return std::make_unique<StoreTableFormat>(input, std::move(table));
  }
  std::abort();  // a format that the manifest knows and this list does not: the build's tests find it
}

std::unique_ptr<InputFormat> open_format(const Input& input, const std::vector<std::string>& partition_keys) {
  // A database groups by itself.
  if (partition_keys.empty() || is_database(input.source.store)) return open_plain_format(input);
  Input inside = input;
  // What a path gives is no column that the table must have.
  const auto in_path = names_in_path_pattern(input.path_pattern);
  for (const std::string& key : partition_keys) {
    if (in_path && std::find(in_path->begin(), in_path->end(), key) != in_path->end())
      inside.columns.erase(key);
  }
  return std::make_unique<KeyedFormat>(input, partition_keys, open_plain_format(inside));
}

std::string groups_directory(const std::string& output_directory, std::size_t input) {
  return output_directory + "/.parallelrun/groups/" + std::to_string(input) + "/";
}

Status InputFormat::check(Listing&, const std::string&) const { return {}; }

Result<std::optional<std::vector<std::string>>> InputFormat::objects_of(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(std::string object, last_object(descriptor));
  return std::optional(std::vector<std::string>{std::move(object)});
}

Result<std::vector<PieceOfFile>> InputFormat::pieces_of(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(auto objects, objects_of(descriptor));
  std::vector<PieceOfFile> pieces;
  if (!objects) return corrupt_descriptor("it does not name its files");
  for (std::string& path : *objects) pieces.push_back({std::move(path), false, std::nullopt});
  return pieces;
}

void add_objects(std::vector<StoredObject>& objects, std::vector<StoredObject> more) {
  for (StoredObject& object : more) {
    const bool again = !objects.empty() && objects.back().name == object.name;
    if (!again) {
      objects.push_back(std::move(object));
    } else if (std::optional<std::vector<ByteRange>>& ranges = objects.back().ranges) {
      ranges->insert(ranges->end(), object.ranges->begin(), object.ranges->end());
    }
  }
}

Result<std::vector<StoredObject>> InputFormat::sample_objects(std::string_view sample) const {
  std::vector<StoredObject> objects;
  ASSIGN_OR_RETURN(const std::vector<std::string> descriptors, descriptors_of_sample(sample));
  for (const std::string& descriptor : descriptors) {
    ASSIGN_OR_RETURN(std::vector<StoredObject> more, objects_to_fetch(descriptor));
    add_objects(objects, std::move(more));
  }
  return objects;
}

std::string InputFormat::localized_sample(std::string_view sample,
                                          const std::vector<std::string>& paths) const {
  const auto descriptors = descriptors_of_sample(sample);
  if (!descriptors) return {};
  std::vector<std::string> local;
  std::string before;
  std::size_t at = 0;
  for (const std::string& descriptor : *descriptors) {
    const auto objects = objects_to_fetch(descriptor);
    if (!objects || objects->size() != 1) return {};
    if (!local.empty() && objects->front().name != before) ++at;
    if (at >= paths.size()) return {};
    before = objects->front().name;
    local.push_back(localized(descriptor, {paths[at]}));
  }
  return encode_sample(local);
}

std::unique_ptr<RecordFields> InputFormat::record_fields(TableFiles&) const { return nullptr; }

TableSource InputFormat::tables(const std::string& root) const { return {root}; }

Status InputFormat::check_range(ItemRange range, std::uint64_t items) {
  if (range.begin < range.end && range.end <= items) return {};
  return Error{ErrorCode::kInvalidArgument, "a mini-batch of " + counted(items, "item") +
                                                " has no part from item " + std::to_string(range.begin) +
                                                " up to item " + std::to_string(range.end)};
}

std::string InputFormat::nothing_in(std::uint64_t) const { return "no item"; }

Result<std::optional<InputFormat::Sample>> InputFormat::sample(Listing&, const std::string&) const {
  return std::optional<Sample>();
}

Result<std::vector<StoredObject>> InputFormat::objects_to_fetch(std::string_view) const {
  return std::vector<StoredObject>();
}

std::string InputFormat::localized(std::string_view descriptor, const std::vector<std::string>&) const {
  return std::string(descriptor);
}

void InputFormat::tell_worker(nlohmann::json&) const {}

}  // namespace parallelrun
