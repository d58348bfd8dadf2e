#include "runner/input/keyed_files.h"

#include <algorithm>
#include <cstring>

namespace parallelrun {
namespace {

// What a listing says of a file beside its name.
enum Facts : char { kNoFacts, kSizeAndVersion, kVersionAlone };

}  // namespace

void KeyedFiles::add(const ListedObject& object, const std::string& packed, const KeyTexts& texts) {
  const auto [known, fresh] = numbers_.try_emplace(packed, static_cast<std::uint32_t>(groups_.size()));
  if (fresh) groups_.push_back({&known->first, texts, 0, 0});
  if (folders_.empty() || folders_.back() != object.folder) folders_.emplace_back(object.folder);
  ++groups_[known->second].files;
  files_.push_back({known->second, static_cast<std::uint32_t>(folders_.size() - 1), names_.size()});
  names_ += object.name;
  names_ += '\0';
  const Facts facts = object.size ? kSizeAndVersion : object.version.empty() ? kNoFacts : kVersionAlone;
  names_ += static_cast<char>(facts);
  if (facts == kNoFacts) return;
  const std::uint64_t size = object.size.value_or(0);
  names_.append(reinterpret_cast<const char*>(&size), sizeof size);
  names_ += object.version;
  names_ += '\0';
}

void KeyedFiles::sort() {
  for (const Group& group : groups_) order_.push_back(&group);
  std::sort(order_.begin(), order_.end(),
            [](const Group* a, const Group* b) { return *a->packed < *b->packed; });
  std::uint64_t begin = 0;
  for (const Group* ordered : order_) {
    Group& group = groups_[static_cast<std::size_t>(ordered - groups_.data())];
    group.begin = begin;
    begin += group.files;
  }
  std::stable_sort(files_.begin(), files_.end(), [this](const File& a, const File& b) {
    return groups_[a.group].begin < groups_[b.group].begin;
  });
}

void KeyedFiles::Reader::group(std::size_t number) {
  const Group& group = *files_.order_[number];
  at_ = group.begin;
  end_ = group.begin + group.files;
}

Result<std::optional<ListedObject>> KeyedFiles::Reader::next() {
  if (at_ == end_) return std::optional<ListedObject>();
  const File& file = files_.files_[at_++];
  ListedObject object;
  object.folder = files_.folders_[file.folder];
  object.name = files_.names_.c_str() + file.name;
  const char* facts = object.name.data() + object.name.size() + 1;
  const char kind = *facts++;
  if (kind == kNoFacts) return std::optional(object);
  std::uint64_t size = 0;
  std::memcpy(&size, facts, sizeof size);
  if (kind == kSizeAndVersion) object.size = size;
  object.version = facts + sizeof size;
  return std::optional(object);
}

}  // namespace parallelrun
