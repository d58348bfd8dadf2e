#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "common/spec/mount_path.h"
#include "common/spec/read_spec.h"
#include "common/spec/words.h"

namespace parallelrun {
namespace {

using nlohmann::json;

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool digit(char c) { return c >= '0' && c <= '9'; }

// [A-Za-z_][A-Za-z0-9_.-]{0,62}
bool is_data_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && (letter(name.front()) || name.front() == '_') &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return letter(c) || digit(c) || c == '_' || c == '.' || c == '-'; });
}

std::string read_name(ObjectReader& reader, std::set<std::string>& taken) {
  if (reader.required("name", "placeholders and options refer to it") == nullptr) return {};
  std::string name = reader.text("name").value_or("");
  if (!reader.field("name")->is_string()) return {};  // told already
  if (!is_data_name(name)) {
    reader.problem("name", in_quotes(name) +
                               " is not a name; use 1-63 letters, digits, '_', '.' and '-', "
                               "beginning with a letter or '_'");
  } else if (!taken.insert(name).second) {
    reader.problem(
        "name", in_quotes(name) + " is already the name of another item in the list; names must be unique");
  }
  return name;
}

std::optional<Source> read_required_source(ObjectReader& reader, SourceUse use, Place place) {
  const json* value =
      reader.required("source", "a Kubernetes volume source, or local: {path: ...} on one machine");
  return read_source(value, reader.path("source"), use, place, reader.problems());
}

void read_delimiter(ObjectReader& reader, Input& input) {
  const std::optional<std::string> text = reader.text("delimiter");
  if (!text) return;
  const bool one_ascii = text->size() == 1 && static_cast<unsigned char>(text->front()) < 0x80;
  if (!one_ascii) {
    reader.problem("delimiter",
                   in_quotes(*text) + " is not one ASCII character; write a tab as \"\\t\" in double quotes");
  } else if (*text == "\"" || *text == "\n" || *text == "\r") {
    reader.problem("delimiter",
                   in_quotes(*text) + " has a special meaning in CSV; use ',', ';', '|' or a tab");
  } else {
    input.delimiter = text->front();
  }
}

// The type that a name of Python, pandas, NumPy or SQL stands for; empty: it is none of those.
std::string_view meant_type(const json& value) {
  static const std::map<std::string, ColumnType, std::less<>> names = {
      {"str", ColumnType::kString},        {"object", ColumnType::kString},
      {"text", ColumnType::kString},       {"category", ColumnType::kString},
      {"varchar", ColumnType::kString},    {"char", ColumnType::kString},
      {"int", ColumnType::kInt64},         {"int8", ColumnType::kInt64},
      {"int16", ColumnType::kInt64},       {"int32", ColumnType::kInt64},
      {"uint8", ColumnType::kInt64},       {"uint16", ColumnType::kInt64},
      {"uint32", ColumnType::kInt64},      {"uint64", ColumnType::kInt64},
      {"integer", ColumnType::kInt64},     {"long", ColumnType::kInt64},
      {"bigint", ColumnType::kInt64},      {"float", ColumnType::kFloat64},
      {"float16", ColumnType::kFloat64},   {"float32", ColumnType::kFloat64},
      {"double", ColumnType::kFloat64},    {"number", ColumnType::kFloat64},
      {"decimal", ColumnType::kFloat64},   {"boolean", ColumnType::kBool},
      {"date", ColumnType::kDatetime},     {"datetime64", ColumnType::kDatetime},
      {"time", ColumnType::kDatetime},     {"datetime64[ns]", ColumnType::kDatetime},
      {"timestamp", ColumnType::kDatetime}};
  if (!value.is_string()) return {};
  std::string name = value.get<std::string>();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto found = names.find(name);
  return found == names.end() ? std::string_view() : to_string(found->second);
}

void read_columns(ObjectReader& reader, Input& input) {
  const json* columns = reader.object("columns");
  if (columns == nullptr) return;
  ObjectReader types(columns, reader.path("columns"), reader.problems());
  for (const auto& item : columns->items()) {
    if (item.key().empty()) {
      types.problem("", "a column needs a name");
      continue;
    }
    if (item.value().is_null()) {
      types.problem(item.key(), "needs a type: string, int64, float64, bool or datetime");
      continue;
    }
    const auto meant = meant_type(item.value());
    if (!meant.empty()) {
      types.problem(item.key(), fmt::format("{} is not a type here; did you mean {}? (types: string, int64, "
                                            "float64, bool, datetime)",
                                            in_quotes(item.value().get<std::string>()), in_quotes(meant)));
      continue;
    }
    if (const auto type = types.choice<ColumnType>(item.key(), column_types()))
      input.columns[item.key()] = *type;
  }
}

// What only CSV has.
constexpr const char* kCsvFields[] = {"delimiter", "encoding", "naValues"};

void read_format(ObjectReader& reader, Input& input) {
  input.format = format_by_ending(input.glob);
  const json* value = reader.field("format");
  if (value == nullptr) return;
  if (*value == "parquet") {
    reader.problem("format", "'parquet' is not supported yet; convert the files to CSV or JSON lines");
  } else if (const auto format = reader.choice<DataFormat>("format", data_formats())) {
    input.format = *format;
  }
}

void read_tabular_fields(ObjectReader& reader, Input& input) {
  read_columns(reader, input);
  read_format(reader, input);
  if (input.format != DataFormat::kCsv) {
    for (const char* key : kCsvFields) {
      if (reader.field(key) != nullptr) {
        reader.problem(key, fmt::format("is for CSV, and the format of this input is {}; remove it, or set "
                                        "format: csv",
                                        to_string(input.format)));
      }
    }
    return;
  }
  read_delimiter(reader, input);
  if (const auto encoding = reader.text("encoding")) {
    const bool codec = !encoding->empty() && encoding->size() <= 64 &&
                       (letter(encoding->front()) || digit(encoding->front())) &&
                       std::all_of(encoding->begin(), encoding->end(), [](char c) {
                         return letter(c) || digit(c) || c == '_' || c == '-' || c == '.';
                       });
    if (codec) {
      input.encoding = *encoding;
    } else {
      reader.problem("encoding",
                     in_quotes(*encoding) + " is not the name of a Python codec, such as utf-8 or cp1252");
    }
  }
  if (reader.list("naValues") != nullptr) input.na_values = reader.texts("naValues");
}

// The type, where it is one; nothing after a problem.
std::optional<InputType> read_type(ObjectReader& reader) {
  const json* value = reader.field("type");
  if (value == nullptr) return InputType::kFile;
  if (*value == "sql") {
    reader.problem("type", "'sql' is not supported yet; export the table to CSV files and use 'tabular'");
    return std::nullopt;
  }
  return reader.choice<InputType>("type", input_types());
}

Input read_input(ObjectReader& reader, Place place, std::set<std::string>& taken) {
  Input input;
  input.name = read_name(reader, taken);
  const std::optional<InputType> type = read_type(reader);
  input.type = type.value_or(InputType::kFile);
  input.source = read_required_source(reader, SourceUse::kInput, place).value_or(Source{});
  if (const auto glob = reader.text("glob")) {
    input.glob = *glob;
    if (const std::string broken = broken_relative_path(*glob); !broken.empty()) {
      reader.problem("glob", in_quotes(*glob) + " " + broken + "; it starts at the input's directory");
    }
  }
  if (type == InputType::kFile) {
    for (const char* key : {"columns", "format", "delimiter", "encoding", "naValues"}) {
      if (reader.field(key) != nullptr) {
        reader.problem(key, "is for tabular inputs; remove it, or set type: tabular");
      }
    }
  } else {
    read_tabular_fields(reader, input);
  }
  for (const char* key : {"sql", "query", "splitOn"}) {
    if (reader.is_object() && reader.field(key) != nullptr) {
      reader.problem(key, "SQL inputs are not supported yet; export the table to CSV files");
    }
  }
  return input;
}

std::optional<std::string> read_mount_path(ObjectReader& reader) {
  const std::optional<std::string> text = reader.text("mountPath");
  if (!text) return std::nullopt;
  MountPath checked = mount_path(*text);
  if (checked.problem.empty()) return std::move(checked.path);
  reader.problem("mountPath", fmt::format("{} {}", in_quotes(*text), checked.problem));
  return std::nullopt;
}

// No mount may hide another.
void check_mounts(const std::vector<SideInput>& side_inputs, const std::string& path, Problems& problems) {
  std::map<std::string, std::size_t> owners;
  for (std::size_t i = 0; i < side_inputs.size(); ++i) {
    if (!side_inputs[i].mount_path) continue;
    const auto [first, fresh] = owners.emplace(*side_inputs[i].mount_path, i);
    if (!fresh) {
      problems.add(
          child_path(child_path(path, i), "mountPath"),
          fmt::format("{} is also the mount path of {}; use another folder",
                      in_quotes(*side_inputs[i].mount_path), in_quotes(side_inputs[first->second].name)));
    }
  }
  for (const auto& [mount, index] : owners) {
    for (std::size_t cut = mount.rfind('/'); cut != 0 && cut != std::string::npos;
         cut = mount.rfind('/', cut - 1)) {
      const auto outer = owners.find(mount.substr(0, cut));
      if (outer == owners.end()) continue;
      problems.add(
          child_path(child_path(path, index), "mountPath"),
          fmt::format("{} lies inside {}, the mount path of {}; use separate folders", in_quotes(mount),
                      in_quotes(outer->first), in_quotes(side_inputs[outer->second].name)));
      break;
    }
  }
}

}  // namespace

DataFormat format_by_ending(std::string_view glob) {
  std::string ending(glob);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (ending.ends_with(".gz")) ending.resize(ending.size() - 3);
  const bool json_lines = ending.ends_with(".jsonl") || ending.ends_with(".ndjson");
  return json_lines ? DataFormat::kJsonLines : DataFormat::kCsv;
}

std::vector<Input> read_inputs(ObjectReader& spec, Place place) {
  std::vector<Input> inputs;
  const json* list = spec.list("inputs");
  if (list == nullptr) {
    if (spec.field("inputs") == nullptr) spec.required("inputs", "a list of one or more inputs");
    return inputs;
  }
  if (list->empty()) spec.problem("inputs", "is empty; a job needs at least one input");
  std::set<std::string> taken;
  for (std::size_t i = 0; i < list->size() && !spec.problems().full(); ++i) {
    const json& item = (*list)[i];
    const std::string path = child_path(spec.path("inputs"), i);
    if (!item.is_object()) {
      spec.problems().add(path, fmt::format("must be an object, found {}", described(item)));
      inputs.emplace_back();
      continue;
    }
    ObjectReader reader(&item, path, spec.problems());
    inputs.push_back(read_input(reader, place, taken));
    reader.refuse_unknown();
    if (inputs.back().type != inputs.front().type) {
      reader.problem("type", "differs from the first input's; all inputs of a job must have the same type");
    }
  }
  return inputs;
}

std::vector<SideInput> read_side_inputs(ObjectReader& spec, Place place) {
  std::vector<SideInput> side_inputs;
  const json* list = spec.list("sideInputs");
  if (list == nullptr) return side_inputs;
  std::set<std::string> taken;
  for (std::size_t i = 0; i < list->size() && !spec.problems().full(); ++i) {
    const json& item = (*list)[i];
    const std::string path = child_path(spec.path("sideInputs"), i);
    SideInput side_input;
    if (!item.is_object()) {
      spec.problems().add(path, fmt::format("must be an object, found {}", described(item)));
    } else {
      ObjectReader reader(&item, path, spec.problems());
      side_input.name = read_name(reader, taken);
      side_input.source = read_required_source(reader, SourceUse::kSideInput, place).value_or(Source{});
      side_input.mount_path = read_mount_path(reader);
      reader.refuse_unknown();
    }
    side_inputs.push_back(std::move(side_input));
  }
  check_mounts(side_inputs, spec.path("sideInputs"), spec.problems());
  return side_inputs;
}

}  // namespace parallelrun
