#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "common/spec/dataset_use.h"
#include "common/spec/field_reader.h"
#include "common/spec/field_table.h"
#include "common/spec/mount_path.h"
#include "common/spec/nearest_name.h"
#include "common/spec/path_names.h"
#include "common/spec/read_spec.h"
#include "common/spec/store_sources.h"
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

void check_name(ObjectReader& reader, std::string_view key, Reading& reading, const std::string& name) {
  if (!is_data_name(name)) {
    reader.problem(key, in_quotes(name) +
                            " is not a name; use 1-63 letters, digits, '_', '.' and '-', "
                            "beginning with a letter or '_'");
  } else if (!reading.names.insert(name).second) {
    reader.problem(
        key, in_quotes(name) + " is already the name of another item in the list; names must be unique");
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

// Why an input of this type and format does not have the field; empty: it does. Without a usable type it has
// all.
std::string why_not(const Input& input, bool typed, FieldOf of) {
  if (of == FieldOf::kAll || !typed) return {};
  if (input.type == InputType::kFile) return "is for tabular inputs; remove it, or set type: tabular";
  if (of == FieldOf::kTabular || is_delimited(input.format)) return {};
  return fmt::format("is for CSV, and the format of this input is {}; remove it, or set format: csv",
                     to_string(input.format));
}

// Rows come as they are: there is no file whose form could be told.
void check_database_input(ObjectReader& reader, const Input& input, bool typed) {
  if (typed && input.type != InputType::kTabular)
    reader.problem("type", "must be tabular: run() gets the rows of a database as a DataFrame");
  for (const Field<Input>& field : fields_of_input()) {
    const bool of_files = field.name == "glob" || field.name == "pathPattern" || field.name == "format";
    if ((of_files || (typed && input.type == InputType::kTabular && field.of == FieldOf::kCsv)) &&
        reader.field(field.name) != nullptr)
      reader.problem(field.name, "is for files, and the rows of a database are in none; remove it");
  }
}

// Whether something of it, beside `format`, speaks for a format. What is for CSV alone does.
bool speaks_of_format(const Input& input) {
  const Input plain;
  return is_database(input.source.store) || !input.glob.empty() || !input.path_pattern.empty() ||
         input.delimiter != plain.delimiter || input.quote != plain.quote || input.escape || input.comment ||
         !input.header || input.encoding != plain.encoding || input.na_values;
}

Input read_input(ObjectReader& reader, Reading& reading) {
  Input input;
  bool typed = true;
  for (const Field<Input>& field : fields_of_input()) {
    const std::string misplaced = why_not(input, typed, field.of);
    const std::size_t before = reader.problems().size();
    if (misplaced.empty()) {
      read_field(reader, field, reading, input);
    } else if (reader.field(field.name) != nullptr) {
      reader.problem(field.name, misplaced);
    }
    if (field.name == "type") typed = reader.problems().size() == before;
    if (field.name == "source" && names_dataset(input.source)) {
      if (reader.field("type") != nullptr) input.source.dataset[std::string(kTyped)] = true;
      typed = typed && !has_type_of_dataset(input);
    }
  }
  if (is_database(input.source.store)) check_database_input(reader, input, typed);
  const bool said = !reader.is_object() || reader.field("format") != nullptr || speaks_of_format(input);
  input.format_of_files = typed && input.type == InputType::kTabular && !said;
  for (const char* key : {"sql", "query", "splitOn"}) {
    if (reader.is_object() && reader.field(key) != nullptr) {
      reader.problem(key,
                     "belongs into the source: {sql: {table: ... or query: ..., partitionColumn: ..., "
                     "credentials: {secretName: ...}}}");
    }
  }
  return input;
}

}  // namespace

Input read_part(ObjectReader& reader, InputType type, Place place) {
  Input input;
  input.type = type;
  Reading reading;
  reading.place = place;
  for (const Field<Input>& field : fields_of_input()) {
    if (field.name == "name" || field.name == "type") continue;
    const std::string misplaced = why_not(input, true, field.of);
    if (field.name == "source") {
      if (reader.required(field.name, field.required) == nullptr) continue;
      input.source = read_source(reader.field(field.name), reader.path(field.name), SourceUse::kDataset,
                                 place, reader.problems())
                         .value_or(Source{});
    } else if (misplaced.empty()) {
      read_field(reader, field, reading, input);
    } else if (reader.field(field.name) != nullptr) {
      reader.problem(field.name, misplaced);
    }
  }
  if (is_database(input.source.store)) check_database_input(reader, input, true);
  return input;
}

namespace {

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
  if (ending.ends_with(".parquet") || ending.ends_with(".pq")) return DataFormat::kParquet;
  if (ending.ends_with(".gz")) ending.resize(ending.size() - 3);
  if (ending.ends_with(".jsonl") || ending.ends_with(".ndjson")) return DataFormat::kJsonLines;
  return ending.ends_with(".tsv") ? DataFormat::kTsv : DataFormat::kCsv;
}

void check_input_name(ObjectReader& reader, std::string_view key, Reading& reading, const Input& input) {
  check_name(reader, key, reading, input.name);
}

void check_side_input_name(ObjectReader& reader, std::string_view key, Reading& reading,
                           const SideInput& input) {
  check_name(reader, key, reading, input.name);
}

void read_input_source(ObjectReader& reader, std::string_view key, Reading& reading, Input& input) {
  input.source =
      read_source(reader.field(key), reader.path(key), SourceUse::kInput, reading.place, reader.problems())
          .value_or(Source{});
}

void read_side_input_source(ObjectReader& reader, std::string_view key, Reading& reading, SideInput& input) {
  input.source = read_source(reader.field(key), reader.path(key), SourceUse::kSideInput, reading.place,
                             reader.problems())
                     .value_or(Source{});
}

void check_glob(ObjectReader& reader, std::string_view key, Reading&, const Input& input) {
  if (const std::string broken = broken_relative_path(input.glob); !broken.empty()) {
    reader.problem(key, in_quotes(input.glob) + " " + broken + "; it starts at the input's directory");
  }
}

void check_path_pattern(ObjectReader& reader, std::string_view key, Reading&, const Input& input) {
  const std::string& pattern = input.path_pattern;
  if (const std::string broken = broken_relative_path(pattern); !broken.empty()) {
    reader.problem(key, in_quotes(pattern) + " " + broken + "; it starts at the input's directory");
  } else if (const auto names = names_in_path_pattern(pattern); !names) {
    reader.problem(key, names.error().message);
  }
  if (!input.glob.empty()) {
    reader.problem(key, "cannot be used together with glob; write the glob into the path pattern");
  }
}

void read_columns(ObjectReader& reader, std::string_view key, Reading&, Input& input) {
  const json* columns = reader.object(key);
  if (columns == nullptr) return;
  ObjectReader types(columns, reader.path(key), reader.problems());
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

void check_delimiter(ObjectReader& reader, std::string_view key, Reading&, const Input& input) {
  if (input.delimiter != '"' && input.delimiter != '\n' && input.delimiter != '\r') return;
  reader.problem(key, in_quotes(std::string_view(&input.delimiter, 1)) +
                          " has a special meaning in CSV; use ',', ';', '|' or a tab");
}

namespace {

// A character that is neither part of values nor white space, and no other one of the dialect.
void check_special(ObjectReader& reader, std::string_view key, std::optional<char> character,
                   std::initializer_list<std::pair<std::string_view, std::optional<char>>> others) {
  if (!character) return;
  const char c = *character;
  if (letter(c) || digit(c) || c <= ' ' || c == 0x7f) {
    reader.problem(key,
                   in_quotes(std::string_view(&c, 1)) +
                       " is a letter, a digit or white space; use a character that values do not consist "
                       "of, or \"\" for none");
    return;
  }
  for (const auto& [name, other] : others) {
    if (other != c) continue;
    reader.problem(key, fmt::format("{} is also the {}; use another character for one of the two",
                                    in_quotes(std::string_view(&c, 1)), name));
    return;
  }
}

}  // namespace

void check_quote(ObjectReader& reader, std::string_view key, Reading&, const Input& input) {
  check_special(reader, key, input.quote, {{"delimiter", input.delimiter}});
}

void check_escape(ObjectReader& reader, std::string_view key, Reading&, const Input& input) {
  check_special(reader, key, input.escape, {{"delimiter", input.delimiter}, {"quote", input.quote}});
}

void check_comment(ObjectReader& reader, std::string_view key, Reading&, const Input& input) {
  check_special(reader, key, input.comment,
                {{"delimiter", input.delimiter}, {"quote", input.quote}, {"escape", input.escape}});
}

void check_column_names(ObjectReader& reader, std::string_view key, Reading&, const Input& input) {
  if (input.header) {
    reader.problem(key, "is for tables without a header; remove it, or set header: false");
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < input.column_names.size(); ++i) {
    const std::string& name = input.column_names[i];
    if (!(*reader.field(key))[i].is_string()) continue;  // told already
    if (name.empty()) {
      reader.problems().add(child_path(reader.path(key), i), "is empty; a column needs a name");
    } else if (!names.insert(name).second) {
      reader.problems().add(child_path(reader.path(key), i),
                            in_quotes(name) + " is in the list twice; columns need names of their own");
    }
  }
}

void check_encoding(ObjectReader& reader, std::string_view key, Reading&, const Input& input) {
  const std::string& encoding = input.encoding;
  const bool codec =
      !encoding.empty() && encoding.size() <= 64 && (letter(encoding.front()) || digit(encoding.front())) &&
      std::all_of(encoding.begin(), encoding.end(),
                  [](char c) { return letter(c) || digit(c) || c == '_' || c == '-' || c == '.'; });
  if (!codec) {
    reader.problem(key, in_quotes(encoding) + " is not the name of a Python codec, such as utf-8 or cp1252");
  }
}

void read_mount_path(ObjectReader& reader, std::string_view key, Reading&, SideInput& input) {
  const std::optional<std::string> text = reader.text(key);
  if (!text) return;
  MountPath checked = mount_path(*text);
  if (checked.problem.empty()) {
    input.mount_path = std::move(checked.path);
  } else {
    reader.problem(key, fmt::format("{} {}", in_quotes(*text), checked.problem));
  }
}

void read_inputs(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job) {
  const json* list = spec.list(key);
  if (list == nullptr) return;
  const std::size_t before = spec.problems().size();
  if (list->empty()) spec.problem(key, "is empty; a job needs at least one input");
  reading.names.clear();
  for (std::size_t i = 0; i < list->size() && !spec.problems().full(); ++i) {
    const json& item = (*list)[i];
    const std::string path = child_path(spec.path(key), i);
    if (!item.is_object()) {
      spec.problems().add(path, fmt::format("must be an object, found {}", described(item)));
      job.inputs.emplace_back();
      continue;
    }
    ObjectReader reader(&item, path, spec.problems());
    job.inputs.push_back(read_input(reader, reading));
    reader.refuse_unknown();
    if (has_type_of_dataset(job.inputs.back())) continue;
    const auto first = std::find_if_not(job.inputs.begin(), job.inputs.end(), has_type_of_dataset);
    if (job.inputs.back().type != first->type) {
      reader.problem("type", "differs from the first input's; all inputs of a job must have the same type");
    }
  }
  const bool all_known = std::none_of(job.inputs.begin(), job.inputs.end(), has_type_of_dataset);
  if (spec.problems().size() == before && all_known) reading.input_type = job.input_type();
}

// What files and tables have is seen when they are listed; what a manifest gets wrong by itself, here.
// Half of a group would be taken for all that has these values, and its result would be wrong.
void check_isolate_failures(ObjectReader& spec, std::string_view key, Reading& /*reading*/,
                            const JobSpec& job) {
  if (!job.isolate_failures || job.partition_keys.empty()) return;
  spec.problem(
      key,
      "cannot be used together with partitionKeys: all items with the same values belong in one call "
      "of run, so a mini-batch cannot be split; remove one of the two");
}

void check_partition_keys(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job) {
  constexpr std::size_t kMostKeys = 64;
  if (job.partition_keys.size() > kMostKeys) spec.problem(key, "has more than 64 keys");
  for (const Input& input : job.inputs) {
    if (!job.partition_keys.empty() && is_database(input.source.store)) {
      if (input.source.store.begin().value().contains("partitionColumn")) {
        spec.problem(
            key, fmt::format("the input {} names a partitionColumn, whose ranges may hold rows of several "
                             "keys; remove one of the two",
                             in_quotes(input.name)));
      }
    }
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < job.partition_keys.size(); ++i) {
    const std::string& name = job.partition_keys[i];
    const auto wrong = [&](const std::string& what) {
      spec.problems().add(child_path(spec.path(key), i), what);
    };
    if (name.empty()) {
      wrong("is empty; name a column, a name of a pathPattern, or the key of a folder like key=value");
      continue;
    }
    if (!seen.insert(name).second) wrong(in_quotes(name) + " is in the list twice; name each key once");
    if (reading.input_type != InputType::kFile) continue;
    for (const Input& input : job.inputs) {
      if (input.path_pattern.empty()) continue;
      const auto names = names_in_path_pattern(input.path_pattern);
      if (!names || std::find(names->begin(), names->end(), name) != names->end()) continue;
      wrong(fmt::format("{} is no name in the pathPattern of the input {}, {}{}", in_quotes(name),
                        in_quotes(input.name), in_quotes(input.path_pattern), did_you_mean(name, *names)));
    }
  }
  for (const Input& input : job.inputs) {
    for (const std::string& name : job.partition_keys) {
      const auto declared = input.columns.find(name);
      if (declared == input.columns.end() || declared->second != ColumnType::kDatetime) continue;
      spec.problem(key, fmt::format("{} is declared datetime in the input {}; declare a partition key string "
                                    "(equal texts are one key), int64, float64 or bool",
                                    in_quotes(name), in_quotes(input.name)));
    }
  }
}

void read_side_inputs(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job) {
  const json* list = spec.list(key);
  if (list == nullptr) return;
  reading.names.clear();
  for (std::size_t i = 0; i < list->size() && !spec.problems().full(); ++i) {
    const json& item = (*list)[i];
    const std::string path = child_path(spec.path(key), i);
    SideInput side_input;
    if (!item.is_object()) {
      spec.problems().add(path, fmt::format("must be an object, found {}", described(item)));
    } else {
      ObjectReader reader(&item, path, spec.problems());
      read_fields(reader, fields_of_side_input(), reading, side_input);
      reader.refuse_unknown();
    }
    job.side_inputs.push_back(std::move(side_input));
  }
  check_mounts(job.side_inputs, spec.path(key), spec.problems());
}

}  // namespace parallelrun
