#include "runner/output/csv_records.h"

namespace parallelrun {
namespace {

// Calls `found` with the place of each comma outside quotes.
template <typename Found>
void for_each_separator(std::string_view record, Found found) {
  bool quoted = false;
  for (std::size_t at = 0; at < record.size(); ++at) {
    if (record[at] == '"') {
      quoted = !quoted;  // a doubled quote changes it twice
    } else if (record[at] == ',' && !quoted) {
      found(at);
    }
  }
}

}  // namespace

std::size_t csv_record_size(std::string_view text) {
  std::size_t from = 0;
  while (true) {
    const std::size_t end = text.find('\n', from);
    if (end == std::string_view::npos) return end;
    const std::string_view line = text.substr(from, end - from);
    const std::size_t quote = line.find('"');
    if (quote == std::string_view::npos) return end + 1;
    // On to the quote that closes; a doubled one closes and opens again.
    const std::size_t closing = text.find('"', from + quote + 1);
    if (closing == std::string_view::npos) return closing;
    from = closing + 1;
  }
}

std::vector<std::string_view> csv_fields(std::string_view record) {
  std::vector<std::string_view> fields;
  std::size_t begin = 0;
  for_each_separator(record, [&](std::size_t at) {
    fields.push_back(record.substr(begin, at - begin));
    begin = at + 1;
  });
  fields.push_back(record.substr(begin));
  return fields;
}

std::size_t csv_field_count(std::string_view record) {
  std::size_t count = 1;
  for_each_separator(record, [&count](std::size_t) { ++count; });
  return count;
}

}  // namespace parallelrun
