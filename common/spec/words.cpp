#include "common/spec/words.h"

#include <algorithm>
#include <vector>

namespace parallelrun {
namespace {

template <typename Enum>
std::string_view word_of(Enum value, Words<Enum> words) {
  const auto found =
      std::find_if(words.begin(), words.end(), [&](const auto& entry) { return entry.second == value; });
  return found == words.end() ? std::string_view() : std::string_view(found->first);
}

}  // namespace

Words<InputType> input_types() {
  static const std::vector<std::pair<std::string, InputType>> words = {{"file", InputType::kFile},
                                                                       {"tabular", InputType::kTabular}};
  return words;
}

Words<DataFormat> data_formats() {
  static const std::vector<std::pair<std::string, DataFormat>> words = {{"csv", DataFormat::kCsv},
                                                                        {"tsv", DataFormat::kTsv},
                                                                        {"jsonl", DataFormat::kJsonLines},
                                                                        {"parquet", DataFormat::kParquet}};
  return words;
}

Words<OutputAction> output_actions() {
  static const std::vector<std::pair<std::string, OutputAction>> words = {
      {"append_row", OutputAction::kAppendRow}, {"summary_only", OutputAction::kSummaryOnly}};
  return words;
}

Words<OutputFormat> output_formats() {
  static const std::vector<std::pair<std::string, OutputFormat>> words = {
      {"text", OutputFormat::kText},
      {"csv", OutputFormat::kCsv},
      {"jsonl", OutputFormat::kJsonl},
      {"parquet", OutputFormat::kParquet}};
  return words;
}

Words<OutputOrder> output_orders() {
  static const std::vector<std::pair<std::string, OutputOrder>> words = {{"any", OutputOrder::kAny},
                                                                         {"input", OutputOrder::kInput}};
  return words;
}

Words<LoggingLevel> logging_levels() {
  static const std::vector<std::pair<std::string, LoggingLevel>> words = {
      {"WARNING", LoggingLevel::kWarning}, {"INFO", LoggingLevel::kInfo}, {"DEBUG", LoggingLevel::kDebug}};
  return words;
}

Words<ColumnType> column_types() {
  static const std::vector<std::pair<std::string, ColumnType>> words = {{"string", ColumnType::kString},
                                                                        {"int64", ColumnType::kInt64},
                                                                        {"float64", ColumnType::kFloat64},
                                                                        {"bool", ColumnType::kBool},
                                                                        {"datetime", ColumnType::kDatetime}};
  return words;
}

std::string_view to_string(InputType type) { return word_of(type, input_types()); }
std::string_view to_string(DataFormat format) { return word_of(format, data_formats()); }
std::string_view to_string(OutputAction action) { return word_of(action, output_actions()); }
std::string_view to_string(OutputFormat format) { return word_of(format, output_formats()); }
std::string_view to_string(OutputOrder order) { return word_of(order, output_orders()); }
std::string_view to_string(LoggingLevel level) { return word_of(level, logging_levels()); }
std::string_view to_string(ColumnType type) { return word_of(type, column_types()); }

}  // namespace parallelrun
