// The files of an input by the partition keys in their paths.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/result/result.h"
#include "runner/input/key_value.h"
#include "runner/input/listing.h"

namespace parallelrun {

// In memory: some 20 bytes a file beside its name (of an object in a store also its version and 8 bytes), and
// the path of each folder once. One thread at a time.
class KeyedFiles {
 public:
  // Files with the same `packed` are one group; `texts` are those of its first file. In the order of the
  // listing.
  void add(const ListedObject& object, const std::string& packed, const KeyTexts& texts);
  // No more is added. Groups come in bytewise order of `packed`.
  void sort();

  std::uint64_t files() const { return files_.size(); }
  std::size_t groups() const { return groups_.size(); }
  const std::string& packed(std::size_t group) const { return *order_[group]->packed; }
  const KeyTexts& texts(std::size_t group) const { return order_[group]->texts; }

  // The files of one group after another, as if each group were all there is: the end of a group is the end
  // of the listing until group() begins another. After sort().
  class Reader final : public Listing {
   public:
    explicit Reader(const KeyedFiles& files) : files_(files) {}
    void group(std::size_t number);
    Result<std::optional<ListedObject>> next() override;

   private:
    const KeyedFiles& files_;
    std::size_t at_ = 0;
    std::size_t end_ = 0;
  };

 private:
  struct Group {
    const std::string* packed = nullptr;  // in numbers_
    KeyTexts texts;
    std::uint64_t files = 0;
    std::uint64_t begin = 0;  // in files_, once sorted
  };
  struct File {
    std::uint32_t group = 0;
    std::uint32_t folder = 0;
    std::uint64_t name = 0;  // in names_
  };

  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<Group> groups_;
  std::vector<const Group*> order_;
  std::vector<File> files_;
  std::vector<std::string> folders_;
  // Of each file: name | NUL | u8 Facts | where there are some: u64 size, version | NUL.
  std::string names_;
};

}  // namespace parallelrun
