#include "runner/job/fetched_side_inputs.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/hash/sha256.h"
#include "common/result/try.h"
#include "runner/input/store_listing.h"
#include "runner/job/contents.h"
#include "runner/job/file_stamp.h"

namespace parallelrun {
namespace {

constexpr const char* kAll = "side inputs";  // ALL of runner/python/parallelrun_data/side_inputs.py
constexpr std::string_view kPart = "side input ";

// Of objects in the order of the names of their side inputs, and as they are listed there.
class ObjectsDigest {
 public:
  // `path`: NAME/object.
  void add(const std::string& path, const ContentEntry& entry) {
    const bool told = entry.trust != ContentEntry::Trust::kNone;
    digest_.update(std::to_string(path.size()) + ":" + path + ":" + std::to_string(entry.size) + ":" +
                   (told ? std::to_string(entry.stamp) : "?") + ";");
  }
  std::string hex() { return digest_.hex_digest(); }

 private:
  Sha256 digest_;
};

}  // namespace

std::string side_input_part(const std::string& name) { return std::string(kPart) + name; }

bool fetches_side_inputs(const JobSpec& spec) {
  return std::any_of(spec.side_inputs.begin(), spec.side_inputs.end(),
                     [](const SideInput& side) { return side.source.store.is_object(); });
}

Result<std::string> fetched_digest(const std::string& socket) {
  StoreListing::Options options;
  options.socket = socket;
  options.input = kAll;
  options.all_names = true;
  ASSIGN_OR_RETURN(const std::unique_ptr<Listing> listing, StoreListing::open(std::move(options)));
  ObjectsDigest digest;
  while (true) {
    ASSIGN_OR_RETURN(const auto object, listing->next());
    if (!object) return digest.hex();
    digest.add(object->path(), stamp_of_object(object->size.value_or(0), object->version));
  }
}

Result<std::string> recorded_digest(const std::string& contents, const JobSpec& spec) {
  std::map<std::string, std::vector<ContentEntry>> by_name;
  for (const SideInput& side : spec.side_inputs) {
    if (side.source.store.is_object()) by_name[side.name] = {};
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> reader, ContentsReader::open(contents));
  for (ContentPart part;;) {
    ASSIGN_OR_RETURN(const bool more, reader->next_part(part));
    if (!more) break;
    const auto found =
        part.name.starts_with(kPart) ? by_name.find(part.name.substr(kPart.size())) : by_name.end();
    if (found == by_name.end()) continue;
    for (ContentEntry entry;;) {
      ASSIGN_OR_RETURN(const bool another, reader->next(entry));
      if (!another) break;
      found->second.push_back(entry);
    }
  }
  ObjectsDigest digest;
  for (const auto& [name, entries] : by_name) {
    for (const ContentEntry& entry : entries) digest.add(name + "/" + entry.path, entry);
  }
  return digest.hex();
}

}  // namespace parallelrun
