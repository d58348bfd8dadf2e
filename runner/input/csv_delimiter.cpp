#include "runner/input/csv_delimiter.h"

#include <array>
#include <cstddef>
#include <string_view>

#include "common/spec/problems.h"
#include "runner/input/csv_format.h"
#include "runner/input/csv_header.h"
#include "runner/input/csv_piece.h"

namespace parallelrun {
namespace {

// How often it separates something, in the grammar in which it is the delimiter.
std::size_t separations(std::string_view header, char candidate, CsvDialect dialect) {
  dialect.delimiter = static_cast<unsigned char>(candidate);
  std::size_t count = 0;
  csv::Place place = csv::Place::kFieldStart;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const auto byte = static_cast<unsigned char>(header[i]);
    const bool separates = csv::separates(place, byte, dialect);
    place = csv::next(place, byte, dialect);
    const bool prose = i + 1 < header.size() && header[i + 1] == ' ';
    if (separates && !prose) ++count;
  }
  return count;
}

std::string_view name_of(char delimiter) {
  if (delimiter == '\t') return "a tab (\"\\t\")";
  return delimiter == ',' ? "','" : delimiter == ';' ? "';'" : "'|'";
}

}  // namespace

std::optional<char> likelier_delimiter(std::string_view header, const CsvDialect& dialect) {
  static constexpr std::array kUsual = {',', ';', '\t', '|'};
  header = without_line_break(header);
  if (count_fields(header, dialect) > 1) return std::nullopt;
  std::optional<char> likeliest;
  std::size_t most = 0;
  for (const char candidate : kUsual) {
    const auto byte = static_cast<unsigned char>(candidate);
    const bool taken = byte == dialect.delimiter || byte == dialect.quote || byte == dialect.escape ||
                       byte == dialect.comment;
    const std::size_t count = taken ? 0 : separations(header, candidate, dialect);
    if (count <= most) continue;
    most = count;
    likeliest = candidate;
  }
  return likeliest;
}

std::optional<std::string> delimiter_warning(const Input& input, const std::vector<FileSlice>& sample) {
  const CsvDialect dialect = dialect_of(input);
  std::optional<char> likelier;
  const FileSlice* first = nullptr;
  for (const FileSlice& slice : sample) {
    if (slice.header.empty()) continue;
    const std::optional<char> here = likelier_delimiter(slice.header, dialect);
    if (!here || (likelier && likelier != here)) return std::nullopt;
    if (first == nullptr) first = &slice;
    likelier = here;
  }
  if (first == nullptr) return std::nullopt;
  std::string text = "input " + in_quotes(input.name) + " has one column, ";
  text.append(in_quotes(without_line_break(first->header)));
  text.append(", because ").append(in_quotes(std::string_view(&input.delimiter, 1)));
  text.append(" separates nothing in it. If ").append(name_of(*likelier));
  text.append(
      " separates the fields, set it as the input's delimiter, and start the job with another output "
      "directory or --overwrite (seen in ");
  return text.append(in_quotes(first->path)).append(")");
}

}  // namespace parallelrun
