#include "runner/input/expecting_listing.h"

#include <utility>

#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr std::size_t kObjectsAhead = 16;

}  // namespace

Result<std::optional<ListedObject>> ExpectingListing::next() {
  while (waiting_.size() < kObjectsAhead) {
    ASSIGN_OR_RETURN(const std::optional<ListedObject> object, all_.next());
    if (!object) break;
    waiting_.push_back({object->path(), object->size, std::string(object->version)});
    expect(waiting_.back());
  }
  if (waiting_.empty()) return std::optional<ListedObject>();
  given_ = std::move(waiting_.front());
  waiting_.pop_front();
  const std::string_view name = given_.name;
  const std::size_t folder = name.rfind('/') + 1;  // npos + 1 is 0
  return std::optional(
      ListedObject{name.substr(0, folder), name.substr(folder), given_.size, given_.version});
}

void ExpectingListing::expect(const StoredObject& object) {
  const std::string path = options_.root + object.name;
  files_.announce(path, object.size, object.version);
  const std::uint64_t size = object.size.value_or(0);
  if (size == 0) return;
  files_.expect(path, {0, 1});
  if (!options_.reads_all) files_.expect(path, {size - 1, 1});
}

}  // namespace parallelrun
