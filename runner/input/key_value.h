// Values of partition keys [partition_keys]: what makes two of them equal. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/spec/job_spec.h"

namespace parallelrun {

// How values are compared. A column of text that is not declared has the first of these that all its values
// fit, as pandas infers it.
// kOther: a value that has one text, and is no text (a date of a Parquet file).
enum class KeyType : std::uint8_t { kText = 0, kInt64 = 1, kUint64 = 2, kFloat64 = 3, kBool = 4, kOther = 5 };

constexpr KeyType last_of(KeyType /*any*/) { return KeyType::kOther; }

// A text as it stands in a path or a table, without quotes; nothing: the value is missing.
using KeyText = std::optional<std::string>;
// Of all keys of a job, in their order.
using KeyTexts = std::vector<KeyText>;

KeyType key_type_of(ColumnType declared);

// The one text of all texts with the same value under `type`: "1" of "1.0" and "01" under kFloat64. Nothing:
// it does not fit the type. An empty text stands for a missing value (NaN).
std::optional<std::string> canonical_key(std::string_view text, KeyType type);

// A text that is the same for all that may be the same value under any type, for spreading keys.
std::string loose_key(std::string_view text);

// Which type a column of these values has, as pandas.read_csv infers it of them all. Missing ones say
// nothing.
class KeyTypeInference {
 public:
  void add(std::string_view text);
  void add_missing() { missing_ = true; }
  KeyType type() const;

 private:
  bool any_ = false;
  bool bools_ = true;
  bool whole_ = true;
  bool negative_ = false;
  bool beyond_int64_ = false;
  bool missing_ = false;
  bool numbers_ = true;
};

// The same of all keys: a text that does not fit its type stays as it is, NaN is a missing value.
KeyTexts canonical_keys(const KeyTexts& texts, const std::vector<KeyType>& types);

// The texts as one string, whose bytewise order is that of value after value; what is missing comes last.
std::string packed(const KeyTexts& texts);

}  // namespace parallelrun
