#include "runner/input/store_file_set.h"

#include <utility>

#include "common/json/json.h"
#include "common/result/try.h"
#include "runner/input/file_set.h"
#include "runner/input/file_set_writer.h"
#include "runner/input/item_names.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

constexpr std::size_t kSmallestObject = 1 + 8 + 4;

std::pair<std::string_view, std::string_view> split(std::string_view name) {
  const std::size_t folder = name.rfind('/') + 1;
  return {name.substr(0, folder), name.substr(folder)};
}

std::string encode(const std::vector<StoredObject>& objects) {
  FileSetWriter files;
  for (const StoredObject& object : objects) {
    const auto [folder, name] = split(object.name);
    files.add(folder, name);
  }
  std::string out;
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(DescriptorKind::kStoreFileSet));
  writer.bytes(files.take());
  writer.u32(static_cast<std::uint32_t>(objects.size()));
  for (const StoredObject& object : objects) {
    writer.u8(object.size ? 1 : 0);
    writer.u64(object.size.value_or(0));
    writer.bytes(object.version);
  }
  return out;
}

Result<std::vector<StoredObject>> decode(std::string_view descriptor) {
  wire::Reader reader(descriptor);
  if (reader.u8() != static_cast<std::uint8_t>(DescriptorKind::kStoreFileSet))
    return corrupt_descriptor("it is not a set of objects");
  ASSIGN_OR_RETURN(const std::vector<std::string> names, names_of_file_set(reader.bytes()));
  std::vector<StoredObject> objects;
  reader.repeated(kSmallestObject, [&] {
    if (objects.size() == names.size()) return false;
    StoredObject& object = objects.emplace_back();
    object.name = names[objects.size() - 1];
    const bool known = reader.u8() != 0;
    const std::uint64_t size = reader.u64();
    if (known) object.size = size;
    object.version = reader.string();
    return true;
  });
  if (!reader.done() || objects.size() != names.size())
    return corrupt_descriptor("bytes are missing or left over");
  return objects;
}

class StoreFileSetCutter final : public InputCutter {
 public:
  StoreFileSetCutter(Listing& listing, std::uint64_t mini_batch_size)
      : listing_(listing), mini_batch_size_(mini_batch_size) {}

  Result<std::optional<Piece>> next() override {
    std::vector<StoredObject> batch;
    std::size_t bytes = 0;
    while (batch.size() < mini_batch_size_) {
      ASSIGN_OR_RETURN(const std::optional<ListedObject> object, listing_.next());
      if (!object) break;
      ++objects_;
      batch.push_back({object->path(), object->size, std::string(object->version)});
      bytes += batch.back().name.size() + batch.back().version.size() + kSmallestObject;
      RETURN_IF_ERROR(check_file_set_bytes(bytes, mini_batch_size_));
    }
    if (batch.empty()) return std::optional<Piece>();
    return std::optional(Piece{batch.size(), encode(batch)});
  }

  Status resume_after(std::string_view descriptor) override {
    const auto objects = decode(descriptor);
    return objects ? Status() : Status(objects.error());
  }
  std::uint64_t objects() const override { return objects_; }

 private:
  Listing& listing_;
  std::uint64_t mini_batch_size_;
  std::uint64_t objects_ = 0;
};

}  // namespace

std::unique_ptr<InputCutter> StoreFileSetFormat::cutter(Listing& listing, CutterOptions options) const {
  return std::make_unique<StoreFileSetCutter>(listing, options.mini_batch_size);
}

Result<std::string> StoreFileSetFormat::last_object(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(const std::vector<StoredObject> objects, decode(descriptor));
  if (objects.empty()) return corrupt_descriptor("it has no object");
  return objects.back().name;
}

Result<std::optional<std::vector<std::string>>> StoreFileSetFormat::objects_of(
    std::string_view descriptor) const {
  ASSIGN_OR_RETURN(std::vector<StoredObject> objects, decode(descriptor));
  std::vector<std::string> names;
  for (StoredObject& object : objects) names.push_back(std::move(object.name));
  return std::optional(std::move(names));
}

nlohmann::ordered_json StoreFileSetFormat::items_of(std::string_view descriptor,
                                                    const std::string& root) const {
  std::vector<std::string> names;
  if (const auto objects = decode(descriptor)) {
    for (const StoredObject& object : *objects) names.push_back(root + object.name);
  }
  nlohmann::ordered_json members = nlohmann::ordered_json::object();
  add_files(members, names);
  return members;
}

Result<std::optional<InputCutter::Piece>> StoreFileSetFormat::part_of(std::string_view descriptor,
                                                                      ItemRange range,
                                                                      const std::string&) const {
  ASSIGN_OR_RETURN(const std::vector<StoredObject> objects, decode(descriptor));
  RETURN_IF_ERROR(check_range(range, objects.size()));
  const auto begin = objects.begin() + static_cast<std::ptrdiff_t>(range.begin);
  return std::optional(
      InputCutter::Piece{range.size(), encode({begin, begin + static_cast<std::ptrdiff_t>(range.size())})});
}

Result<std::vector<StoredObject>> StoreFileSetFormat::objects_to_fetch(std::string_view descriptor) const {
  return decode(descriptor);
}

std::string StoreFileSetFormat::localized(std::string_view, const std::vector<std::string>& paths) const {
  FileSetWriter files;
  for (const std::string& path : paths) {
    const auto [folder, name] = split(path);
    files.add(folder, name);
  }
  return files.take();
}

}  // namespace parallelrun
