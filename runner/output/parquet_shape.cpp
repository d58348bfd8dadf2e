#include "runner/output/parquet_shape.h"

#include <utility>

namespace parallelrun {
namespace {

constexpr int kDeepestShape = 64;
constexpr const char* kNullType = "null";

bool is_leaf(const ParquetShape& shape) { return shape.is_string(); }

// The shapes that one consists of, with what stands before each.
bool is_shape(const ParquetShape& shape, int depth) {
  if (is_leaf(shape)) return true;
  if (depth > kDeepestShape || !shape.is_array() || shape.empty() || !shape[0].is_string()) return false;
  const std::string kind = shape[0].get<std::string>();
  if (kind == "list") return shape.size() == 2 && is_shape(shape[1], depth + 1);
  if (kind == "map")
    return shape.size() == 3 && is_shape(shape[1], depth + 1) && is_shape(shape[2], depth + 1);
  if (kind != "struct") return false;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    const ParquetShape& field = shape[i];
    if (!field.is_array() || field.size() != 2 || !field[0].is_string() || !is_shape(field[1], depth + 1))
      return false;
  }
  return true;
}

// A type of one column of values. Extensions and lists of a given length are written in other ways.
bool is_simple(const ParquetShape& shape) {
  if (!is_leaf(shape)) return false;
  const std::string name = shape.get<std::string>();
  return name.find('<') == std::string::npos || name.starts_with("dictionary<");
}

}  // namespace

std::optional<ParquetShape> parse_parquet_shape(std::string_view text) {
  ParquetShape shape = ParquetShape::parse(text, nullptr, false);
  return is_shape(shape, 0) ? std::optional(std::move(shape)) : std::nullopt;
}

std::optional<ParquetShape> united(const ParquetShape& one, const ParquetShape& other) {
  if (one == other) return one;
  if (one == kNullType && is_simple(other)) return other;
  if (other == kNullType && is_simple(one)) return one;
  if (is_leaf(one) || is_leaf(other) || one.size() != other.size() || one[0] != other[0]) return std::nullopt;
  const bool named = one[0] == "struct";
  ParquetShape both = ParquetShape::array({one[0]});
  for (std::size_t i = 1; i < one.size(); ++i) {
    if (named && one[i][0] != other[i][0]) return std::nullopt;
    std::optional<ParquetShape> inside = named ? united(one[i][1], other[i][1]) : united(one[i], other[i]);
    if (!inside) return std::nullopt;
    if (named) {
      both.push_back(ParquetShape::array({one[i][0], std::move(*inside)}));
    } else {
      both.push_back(std::move(*inside));
    }
  }
  return both;
}

std::vector<std::string> leaves_of(const ParquetShape& shape) {
  if (is_leaf(shape)) return {shape.get<std::string>()};
  std::vector<std::string> leaves;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    const ParquetShape& inside = shape[0] == "struct" ? shape[i][1] : shape[i];
    for (std::string& leaf : leaves_of(inside)) leaves.push_back(std::move(leaf));
  }
  return leaves;
}

std::string in_words(const ParquetShape& shape) {
  if (is_leaf(shape)) return shape.get<std::string>();
  std::string words = shape[0].get<std::string>() + "<";
  for (std::size_t i = 1; i < shape.size(); ++i) {
    if (i > 1) words += ", ";
    if (shape[0] == "struct") {
      words += shape[i][0].get<std::string>() + ": " + in_words(shape[i][1]);
    } else {
      words += (shape[0] == "list" ? "item: " : "") + in_words(shape[i]);
    }
  }
  return words + ">";
}

}  // namespace parallelrun
