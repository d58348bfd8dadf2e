// What the library takes of JSON lines is what another parser reads there, and it is right JSON.
#include "runner/process/json_read.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

using nlohmann::json;

struct Found {
  std::string key;
  std::vector<std::uint64_t> values;
  std::vector<std::uint8_t> bools, present;
  std::vector<std::uint32_t> begins;
  std::string text;
};

// As the worker process decides types, but for NaN, which this parser does not know.
void check(std::uint32_t kind, const Found& found, std::size_t row, const json& value, std::string_view raw) {
  const std::uint64_t bits = found.values[row];
  std::string_view text;
  if (kind >= PARALLELRUN_JSON_STRING && kind <= PARALLELRUN_JSON_ANY) {
    text = std::string_view(found.text).substr(bits, found.values[row + 1] - bits);
  }
  switch (kind) {
    case PARALLELRUN_JSON_INT64:
      HOLDS(value.is_number_integer() && value.get<std::int64_t>() == std::bit_cast<std::int64_t>(bits));
      return HOLDS(!value.is_number_unsigned() || value.get<std::uint64_t>() == bits);
    case PARALLELRUN_JSON_UINT64:
      HOLDS(value.is_number_unsigned() || value == 0);
      return HOLDS(value.is_number_integer() && value.get<std::uint64_t>() == bits);
    case PARALLELRUN_JSON_FLOAT64:
      return HOLDS(value.is_number() && std::bit_cast<std::uint64_t>(value.get<double>()) == bits);
    case PARALLELRUN_JSON_BOOL:
      return HOLDS(value.is_boolean() && value.get<bool>() == (found.bools[row] == 1));
    case PARALLELRUN_JSON_STRING:
      return HOLDS(value.is_string() && value.get_ref<const std::string&>() == text);
    case PARALLELRUN_JSON_TEXT:
      HOLDS(!value.is_structured());
      if (value.is_string()) return HOLDS(value.get_ref<const std::string&>() == text);
      return HOLDS(raw.find(text) != std::string_view::npos && json::parse(text) == value);
    case PARALLELRUN_JSON_ANY:
      return HOLDS(text.ends_with(',') && json::parse(text.substr(0, text.size() - 1)) == value);
    default:
      HOLDS(false);
  }
}

FUZZ_TARGET(json_read) {
  static const std::vector<std::string> keys = {"a", "b", "", "\xc3\xa4", "a\n"};
  fuzz::Draw draw(bytes);
  const std::size_t count = draw.up_to(keys.size());
  std::vector<std::uint32_t> kinds;
  for (std::size_t i = 0; i < count; ++i) kinds.push_back(draw.u8() % 9);
  const std::string_view rest = draw.rest();
  const std::vector<char> data(rest.begin(), rest.end());  // with nothing behind it

  const std::uint64_t rows = parallelrun_json_count(data.data(), data.size());
  std::vector<Found> found(count);
  std::vector<parallelrun_json_column> columns;
  for (std::size_t i = 0; i < count; ++i) {
    Found& one = found[i];
    one.key = keys[i];
    one.values.resize(rows + 1);
    one.bools.resize(rows, 7);
    one.present.resize(rows, 7);
    one.begins.resize(rows);
    void* values =
        kinds[i] == PARALLELRUN_JSON_BOOL ? static_cast<void*>(one.bools.data()) : one.values.data();
    columns.push_back(
        {one.key.data(), one.key.size(), kinds[i], values, one.present.data(), one.begins.data(), 0, 0, {}});
  }
  std::vector<std::uint32_t> slots(8), lines(rows);
  if (parallelrun_json_read(data.data(), data.size(), columns.data(), count, slots.data(), slots.size(),
                            lines.data(), rows) == 0) {
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (kinds[i] < PARALLELRUN_JSON_STRING || kinds[i] > PARALLELRUN_JSON_ANY) continue;
    found[i].text.resize(found[i].values[rows]);
    parallelrun_json_gather(data.data(), kinds[i], found[i].begins.data(),
                            reinterpret_cast<const std::int64_t*>(found[i].values.data()), rows,
                            found[i].text.data());
  }
  std::vector<std::string_view> texts;
  for (std::size_t at = 0; at < rest.size();) {
    texts.push_back(rest.substr(at, rest.find('\n', at) - at));
    at += texts.back().size() + 1;
  }
  std::vector<std::uint64_t> gaps(count);
  for (std::uint64_t row = 0; row < rows; ++row) {
    HOLDS(row == 0 || lines[row] > lines[row - 1]);
    const std::string_view line = texts.at(lines[row]);
    json object;
    try {
      object = json::parse(line);
    } catch (const json::out_of_range&) {  // a number, which may stand in a text
      return;
    } catch (const json::parse_error&) {
      // NaN, and objects and arrays inside, which are left for Python to parse.
      const bool any = std::count(kinds.begin(), kinds.end(), PARALLELRUN_JSON_ANY) > 0;
      HOLDS_ELSE(std::string(line), line.find("NaN") != std::string_view::npos ||
                                        (any && line.find_first_of("[{", 1) != std::string_view::npos));
      return;
    }
    HOLDS(object.is_object());
    std::size_t known = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = object.find(keys[i]);
      known += value != object.end();
      const bool gap = value == object.end() || value->is_null();
      HOLDS(found[i].present[row] == (gap ? 0 : 1));
      gaps[i] += gap;
      if (!gap) check(kinds[i], found[i], row, *value, line);
    }
    HOLDS(known == object.size());
  }
  for (std::size_t i = 0; i < count; ++i) HOLDS(columns[i].gaps == gaps[i]);
}

}  // namespace
}  // namespace parallelrun
