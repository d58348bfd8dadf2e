// CSV records by the simplest machine that knows the grammar, to be compared with what is fast.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace parallelrun::fuzz {

struct ReferenceRecord {
  std::size_t begin = 0;
  std::size_t end = 0;  // behind its line break
  std::size_t fields = 1;
  bool blank = true;    // nothing but white space
  bool closed = false;  // ended by a line break
};

struct CsvReference {
  std::vector<ReferenceRecord> records;
  bool ended_in_quotes = false;
  bool irregular = false;  // a quote where RFC 4180 has none, or text behind a closing one
};

inline CsvReference read_csv(std::string_view bytes, char delimiter) {
  CsvReference result;
  ReferenceRecord record;
  bool quoted = false;
  bool at_field_start = true;
  bool behind_quote = false;  // behind a closing quote
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    record.end = i + 1;
    if (quoted) {
      if (c == '"') {
        quoted = false;
        behind_quote = true;
      }
      continue;
    }
    if (c == '\n' || c == '\r') {
      if (c == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') record.end = ++i + 1;
      record.closed = true;
      result.records.push_back(record);
      record = {.begin = record.end, .end = record.end};
      at_field_start = true;
      behind_quote = false;
    } else if (c == delimiter) {
      ++record.fields;
      record.blank = false;
      at_field_start = true;
      behind_quote = false;
    } else if (c == '"') {
      record.blank = false;
      if (at_field_start || behind_quote) {
        quoted = true;
      } else {
        result.irregular = true;
      }
      at_field_start = behind_quote = false;
    } else {
      if (c != ' ' && c != '\t') record.blank = false;
      result.irregular = result.irregular || behind_quote;
      at_field_start = behind_quote = false;
    }
  }
  if (record.end > record.begin) result.records.push_back(record);
  result.ended_in_quotes = quoted;
  return result;
}

// A delimiter that an input may have, chosen by a byte.
inline char delimiter_of(unsigned char choice) {
  constexpr std::string_view kChoices = ",;\t| :x#";
  return kChoices[choice % kChoices.size()];
}

}  // namespace parallelrun::fuzz
