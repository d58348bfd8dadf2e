#include "runner/input/format_of_files.h"

#include <algorithm>
#include <cctype>

#include "common/json/members.h"
#include "common/result/try.h"
#include "common/spec/problems.h"
#include "common/spec/words.h"
#include "common/text/counted.h"
#include "runner/input/input_format.h"

namespace parallelrun {
namespace {

constexpr std::array<DataFormat, 4> kTableFormats = {DataFormat::kCsv, DataFormat::kTsv,
                                                     DataFormat::kJsonLines, DataFormat::kParquet};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::optional<DataFormat> format_of_name(std::string_view path) {
  const DataFormat format = format_by_ending(path);
  if (format != DataFormat::kCsv) return format;
  const std::string name = lower_case(path);
  if (name.ends_with(".csv") || name.ends_with(".csv.gz")) return format;
  return std::nullopt;
}

void set_format(Input& input, DataFormat format) {
  input.format = format;
  input.format_of_files = false;
  if (format == DataFormat::kTsv) input.delimiter = '\t';
}

}  // namespace

void SeenEndings::add(std::string_view path) {
  const auto format = format_of_name(path);
  if (!format) return;
  const auto at = std::find(kTableFormats.begin(), kTableFormats.end(), *format);
  Count& count = counts_[static_cast<std::size_t>(at - kTableFormats.begin())];
  if (count.files++ == 0) count.first = path;
}

Result<DataFormat> SeenEndings::verdict(const std::string& where) const {
  if (settled()) return DataFormat::kCsv;
  std::optional<DataFormat> only;
  std::string seen;
  std::string words;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i].files == 0) continue;
    only = kTableFormats[i];
    const std::string_view word = to_string(kTableFormats[i]);
    seen += (seen.empty() ? "" : " and ") + counted(counts_[i].files, "file") + " of the format " +
            std::string(word) + " (" + in_quotes(counts_[i].first) + ")";
    words += (words.empty() ? "format: " : " or format: ") + std::string(word);
  }
  if (!only) return DataFormat::kCsv;
  if (words.find(" or ") == std::string::npos) return *only;
  return Error{ErrorCode::kInvalidArgument,
               where + " has " + seen + ", so their endings do not decide the format; set the input's " +
                   words + " (the others are left out then), or make an input of each"};
}

Result<bool> take_format_of_files(Input& input, const InputPlace& place) {
  if (!input.format_of_files) return false;
  const auto beside = [&input](const Error& error) {
    return Error{error.code, "input " + in_quotes(input.name) + ": " + error.message, error.retryable};
  };
  Input all = input;
  all.glob = "**/*";
  const auto listing = open_listing(all, *open_format(all, {}), place);
  // The planner says so, as of any input.
  if (!listing && listing.error().code == ErrorCode::kNotFound) return false;
  if (!listing) return beside(listing.error());
  SeenEndings seen;
  while (!seen.settled()) {
    const auto object = (*listing)->next();
    if (!object) return beside(object.error());
    if (!*object) break;
    seen.add((*object)->path());
  }
  const Result<DataFormat> format = seen.verdict(in_quotes(shown_root(input, place.directory)));
  if (!format) return beside(format.error());
  if (*format == input.format) return false;
  set_format(input, *format);
  return true;
}

bool take_recorded_format(Input& input, const nlohmann::json& settings) {
  const auto inputs = settings.is_object() ? settings.find("inputs") : settings.end();
  if (!input.format_of_files || inputs == settings.end() || !inputs->is_array()) return false;
  for (const nlohmann::json& recorded : *inputs) {
    if (text_at(recorded, "name") != input.name) continue;
    const std::string word = text_at(recorded, "format");
    for (const DataFormat format : kTableFormats) {
      if (to_string(format) != word || format == input.format) continue;
      set_format(input, format);
      return true;
    }
  }
  return false;
}

}  // namespace parallelrun
