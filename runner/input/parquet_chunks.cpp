#include "runner/input/parquet_chunks.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/json/json.h"
#include "runner/input/parquet_walk.h"

namespace parallelrun {
namespace {

using Type = CompactThrift::Type;
using Field = CompactThrift::Field;

constexpr std::uint64_t kNearEnough = 64U << 10U;
constexpr std::size_t kMostRanges = 256;
// Readers go further for files of writers that counted a chunk too short.
constexpr std::uint64_t kLongestForgotten = 128;

// The columns that hold values, by their whole names: "a", and "list.element" of what is nested. In the order
// of the schema, which is that of the chunks.
class LeafWalk {
 public:
  void take(CompactThrift& in) {
    const auto [name, children] = take_schema_element(in);
    if (open_.empty()) {  // the root
      open_.push_back({std::string(), children});
      return;
    }
    while (open_.size() > 1 && open_.back().children == 0) open_.pop_back();
    --open_.back().children;
    const std::string& above = open_.back().name;
    std::string whole = above.empty() ? std::string(name) : above + "." + std::string(name);
    if (children > 0) {
      open_.push_back({std::move(whole), children});
    } else {
      leaves_.push_back(std::move(whole));
    }
  }

  const std::vector<std::string>& leaves() const { return leaves_; }

 private:
  struct Group {
    std::string name;
    std::int64_t children;  // that are still to come
  };
  std::vector<Group> open_;
  std::vector<std::string> leaves_;
};

// ColumnChunk: 1 file_path, 3 meta_data (ColumnMetaData: 7 total_compressed_size, 9 data_page_offset,
// 11 dictionary_page_offset). Nothing: it does not say where it lies in this file.
std::optional<ByteRange> take_chunk(CompactThrift& in) {
  std::int64_t size = -1;
  std::int64_t data = -1;
  std::int64_t dictionary = 0;
  bool here = true;
  for_each_field(in, [&](const Field& chunk) {
    if (chunk.id == 1) here = false;  // in another file
    if (chunk.id != 3 || chunk.type != Type::kStruct) return false;
    for_each_field(in, [&](const Field& field) {
      if (!is_thrift_integer(field.type)) return false;
      if (field.id == 7) {
        size = in.integer();
      } else if (field.id == 9) {
        data = in.integer();
      } else if (field.id == 11) {
        dictionary = in.integer();
      } else {
        return false;
      }
      return true;
    });
    return true;
  });
  const std::int64_t begin = dictionary > 0 ? std::min(dictionary, data) : data;
  if (!here || size <= 0 || begin < 0 || size > std::numeric_limits<std::int64_t>::max() - begin)
    return std::nullopt;
  return ByteRange{static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(size)};
}

// RowGroup: 1 columns, 3 num_rows.
struct GroupOfChunks {
  std::vector<std::optional<ByteRange>> chunks;
  std::int64_t rows = 0;
};

GroupOfChunks take_group(CompactThrift& in) {
  GroupOfChunks group;
  for_each_field(in, [&](const Field& field) {
    if (field.id == 1 && field.type == Type::kList) {
      for_each_struct(in, [&] { group.chunks.push_back(take_chunk(in)); });
    } else if (field.id == 3 && is_thrift_integer(field.type)) {
      group.rows = in.integer();
    } else {
      return false;
    }
    return true;
  });
  return group;
}

// Of a list of KeyValue (1 key, 2 value): the columns that pandas makes the index. Nothing: it cannot be
// told.
std::optional<std::vector<std::string>> take_index(CompactThrift& in) {
  std::optional<std::vector<std::string>> index(std::in_place);
  for_each_struct(in, [&] {
    std::string_view key;
    std::string_view value;
    for_each_field(in, [&](const Field& field) {
      if (field.type != Type::kBinary || field.id > 2) return false;
      (field.id == 1 ? key : value) = in.binary();
      return true;
    });
    if (key != "pandas") return;
    const nlohmann::json noted = nlohmann::json::parse(value, nullptr, false);
    if (!noted.is_object() || !noted.contains("index_columns") || !noted["index_columns"].is_array()) {
      index.reset();
      return;
    }
    for (const nlohmann::json& column : noted["index_columns"]) {
      if (index && column.is_string()) index->push_back(column.get<std::string>());
    }
  });
  return index;
}

// Whether a reader that is asked for the columns touches this one: it is one of them, or nested in one.
// Readers take "a" for the column above "a.b" also where that is one name.
bool is_touched(const std::string& leaf, const std::vector<std::string>& columns) {
  for (std::size_t end = leaf.find('.'); true; end = leaf.find('.', end + 1)) {
    if (std::binary_search(columns.begin(), columns.end(), leaf.substr(0, end))) return true;
    if (end == std::string::npos) return false;
  }
}

}  // namespace

// FileMetaData: 2 schema, 4 row_groups, 5 key_value_metadata.
std::vector<ParquetChunks> parquet_chunks(std::string_view metadata, std::vector<std::string> columns) {
  LeafWalk schema;
  std::vector<GroupOfChunks> groups;
  bool all = columns.empty();
  CompactThrift in(metadata);
  for_each_field(in, [&](const Field& field) {
    if (field.type != Type::kList) return false;
    if (field.id == 2) return for_each_struct(in, [&] { schema.take(in); });
    if (field.id == 4) {
      return for_each_struct(in, [&] {
        GroupOfChunks group = take_group(in);
        if (group.rows > 0) groups.push_back(std::move(group));
      });
    }
    if (field.id != 5) return false;
    const auto index = take_index(in);
    all = all || !index;
    if (index) columns.insert(columns.end(), index->begin(), index->end());
    return true;
  });
  std::sort(columns.begin(), columns.end());
  std::vector<bool> touched;
  for (const std::string& leaf : schema.leaves()) touched.push_back(all || is_touched(leaf, columns));

  std::vector<ParquetChunks> places;
  for (const GroupOfChunks& group : groups) {
    std::vector<ByteRange> found;
    bool known = group.chunks.size() == touched.size();
    for (std::size_t i = 0; known && i < touched.size(); ++i) {
      if (!touched[i]) continue;
      known = group.chunks[i].has_value();
      if (known) found.push_back(*group.chunks[i]);
    }
    places.push_back(known ? ParquetChunks(std::move(found)) : ParquetChunks());
  }
  return places;
}

std::vector<ByteRange> joined_ranges(std::vector<ByteRange> ranges, std::uint64_t end) {
  for (ByteRange& range : ranges)
    range.length = std::min(end, range.end() + kLongestForgotten) - range.offset;
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& one, const ByteRange& other) { return one.offset < other.offset; });
  for (std::uint64_t gap = kNearEnough; true; gap *= 2) {
    std::size_t last = 0;
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      ByteRange& before = ranges[last];
      if (ranges[i].offset <= before.end() || ranges[i].offset - before.end() <= gap) {
        before.length = std::max(before.end(), ranges[i].end()) - before.offset;
      } else {
        ranges[++last] = ranges[i];
      }
    }
    if (!ranges.empty()) ranges.resize(last + 1);
    if (ranges.size() <= kMostRanges) return ranges;
  }
}

}  // namespace parallelrun
