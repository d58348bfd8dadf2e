// How verbs that look at jobs show what they found: a table that fits the terminal, JSON, YAML or names.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "runner/cli/screen.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace parallelrun {

enum class Form { kTable, kWide, kJson, kYaml, kName, kCsv };

// -o/--format with those of `forms` as its words ("json", ...); `form` is the default until the parse.
void add_form_option(CLI::App& verb, Form& form, const std::map<std::string, Form>& forms);
// Its words again; none of another option.
std::vector<std::string> words_of_form_option(const CLI::Option& option);

// Columns as wide as their longest cell, two spaces between them. Where the screen is too narrow, first the
// last column is cut, then the widest ones, and what is cut ends with "...". No column is cut to less than
// its head and ten cells: where even that does not fit, each row becomes lines "HEAD  cell", with an empty
// line between rows. Every line ends with a line break. Cells may be any text: what steers a terminal stands
// there as its code. Pure.
std::string table(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows,
                  const Screen& screen);

// One line of CSV (RFC 4180), with its line break. Pure.
std::string csv_line(const std::vector<std::string>& cells);

// kJson or kYaml, with a line break at the end. JSON is in ASCII. Pure.
std::string document_text(const nlohmann::ordered_json& document, Form form);

// Writes to standard output. False: the reader has left, or the disk is full; the caller ends.
bool print(const std::string& text);

// Says on standard error why the verb does not do it; gives `code`.
int refuse(const std::string& message, int code);

// "12 s", "3 min", "5 h", "2 d": the largest unit alone, as kubectl shows an age. `seconds` >= 0. Pure.
std::string short_age(std::int64_t seconds);

// "1.4 MB": 1024 to a unit. Pure.
std::string short_size(std::uint64_t bytes);

}  // namespace parallelrun
