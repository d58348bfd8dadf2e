// A delimiter that is proposed splits the header, which the declared one does not; and it is a usual one.
#include "runner/input/csv_delimiter.h"

#include <string>
#include <vector>

#include "common/spec/utf8.h"
#include "runner/input/csv_piece.h"
#include "tests/fuzz/csv_reference.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

FUZZ_TARGET(csv_delimiter) {
  fuzz::Draw draw(bytes);
  Input input;
  input.name = "table";
  input.delimiter = fuzz::delimiter_of(draw.u8());
  std::vector<FileSlice> slices;
  bool all_agree = true;
  std::optional<char> common;
  bool any = false;
  while (!draw.empty() && slices.size() < 8) {
    FileSlice& slice = slices.emplace_back();
    slice.path = "/data/" + std::to_string(slices.size()) + ".csv";
    slice.header = draw.string();
    const auto likelier = likelier_delimiter(slice.header, input.delimiter);
    if (likelier) {
      HOLDS(std::string_view(",;\t|").find(*likelier) != std::string_view::npos);
      HOLDS(*likelier != input.delimiter);
      std::string_view header = slice.header;
      while (header.ends_with('\n') || header.ends_with('\r')) header.remove_suffix(1);
      HOLDS_ELSE(slice.header, count_fields(header, *likelier) > 1);
      HOLDS_ELSE(slice.header, count_fields(header, input.delimiter) == 1);
    }
    if (slice.header.empty()) continue;
    all_agree = all_agree && likelier && (!any || likelier == common);
    common = likelier;
    any = true;
  }
  const auto warning = delimiter_warning(input, slices);
  HOLDS(warning.has_value() == (any && all_agree));
  if (warning) HOLDS_ELSE(*warning, is_utf8(*warning) && warning->size() < 2048);
}

}  // namespace
}  // namespace parallelrun
