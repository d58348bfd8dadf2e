// The descriptor of a mini-batch of partition keys: the values that its items share, and what it consists of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/input/descriptor_kind.h"
#include "runner/input/key_value.h"

namespace parallelrun {

//   u8 kind | keys | u8 place | pieces | u64 origins_offset | u64 origins_length
// Keys and pieces are lists (u32 count); a key is bytes name | u8 column | u8 type | u8 missing | bytes text.
struct KeyedBatch {
  struct Key {
    std::string name;
    bool column = false;  // of the table; else in the path
    KeyType type = KeyType::kText;
    bool missing = false;
    std::string text;  // as it stands at the first item that has it; raw bytes
  };
  enum class Place : std::uint8_t {
    kInput = 0,   // pieces lie in the input
    kGroups = 1,  // in the directory of grouped records (record_groups.h)
  };
  std::vector<Key> keys;
  Place place = Place::kInput;
  std::vector<std::string> pieces;  // descriptors of the format that the keys group, in order
  // In the file of the first piece: where each record came from (record_groups.h). Length 0: pieces say it.
  std::uint64_t origins_offset = 0;
  std::uint64_t origins_length = 0;
};

std::string encode(const KeyedBatch& batch);
// By its first byte.
bool is_keyed_batch(std::string_view descriptor);
// Errors: kCorrupt.
Result<KeyedBatch> decode_keyed_batch(std::string_view descriptor);

// The values as they are compared.
KeyTexts canonical_keys(const KeyedBatch& batch);

}  // namespace parallelrun
