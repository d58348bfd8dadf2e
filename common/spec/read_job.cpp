#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <set>

#include "common/spec/field_reader.h"
#include "common/spec/field_table.h"
#include "common/spec/nearest_name.h"
#include "common/spec/placeholders.h"
#include "common/spec/read_spec.h"
#include "common/spec/store_sources.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::size_t kShortestName = 3;
constexpr std::size_t kLongestName = 32;
constexpr std::uint64_t kDefaultFiles = 10;
constexpr std::uint64_t kDefaultBytes = std::uint64_t{1} << 20U;

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// ^[a-z]([-a-z0-9]*[a-z0-9])?$
bool is_job_name(std::string_view name) {
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) { return lower_or_digit(c) || c == '-'; });
}

void read_metadata(ObjectReader& top, JobSpec& job) {
  const json* value = top.required("metadata", "metadata: {name: ...}");
  ObjectReader metadata(value, top.path("metadata"), top.problems());
  if (!metadata.is_object()) return;
  if (metadata.required("name", "the name of the job") != nullptr) {
    if (const auto name = metadata.text("name")) {
      job.name = *name;
      if (name->size() < kShortestName || name->size() > kLongestName) {
        metadata.problem("name", fmt::format("{} has {} characters; {} to {} are allowed", in_quotes(*name),
                                             name->size(), kShortestName, kLongestName));
      }
      if (!is_job_name(*name)) {
        metadata.problem("name", in_quotes(*name) +
                                     " is not a job name; use a-z, 0-9 and '-', beginning with a letter "
                                     "and ending with a letter or digit");
      }
    }
  }
  if (const auto name = metadata.text("namespace")) {
    job.job_namespace = *name;
    const bool label =
        !name->empty() && name->size() <= 63 && name->front() != '-' && name->back() != '-' &&
        std::all_of(name->begin(), name->end(), [](char c) { return lower_or_digit(c) || c == '-'; });
    if (!label) metadata.problem("namespace", in_quotes(*name) + " is not the name of a namespace");
  }
  read_other_metadata(metadata);
  if (metadata.field("generateName") != nullptr) {
    metadata.problem("generateName", "is not supported; give the job a name, so that you can find it again");
  }
  metadata.refuse_unknown();
}

}  // namespace

void check_resubmission_of(ObjectReader& spec, std::string_view key, Reading&, const JobSpec& job) {
  const json& value = job.cluster[std::string(key)];
  if (!value.is_string()) return;
  const auto& name = value.get_ref<const std::string&>();
  if (name.size() < kShortestName || name.size() > kLongestName || !is_job_name(name)) {
    spec.problem(key,
                 in_quotes(name) + fmt::format(" is not the name of a job; use {} to {} characters a-z, 0-9 "
                                               "and '-', beginning with a letter and ending with a letter "
                                               "or digit",
                                               kShortestName, kLongestName));
  } else if (name == job.name) {
    spec.problem(key, in_quotes(name) + " is the job itself; name the job that ran before it");
  }
}

void read_other_metadata(ObjectReader& metadata) {
  for (const char* key : {"labels", "annotations"}) {
    const json* map = metadata.object(key);
    if (map == nullptr) continue;
    for (const auto& item : map->items()) {
      as_text(item.value(), child_path(metadata.path(key), item.key()), metadata.problems());
    }
  }
  // What a server adds; it says nothing about the object.
  for (const char* key :
       {"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "managedFields", "ownerReferences", "finalizers", "selfLink"}) {
    metadata.field(key);
  }
}

void read_header(ObjectReader& top, std::string_view kind) {
  for (const auto& [key, wanted] : {std::pair{"apiVersion", kApiVersion}, std::pair{"kind", kind}}) {
    if (top.required(key, fmt::format("{}: {}", key, wanted)) == nullptr) continue;
    const auto value = top.text(key);
    const std::string_view group = kApiVersion.substr(0, kApiVersion.find('/') + 1);
    if (value && *value != wanted && value->starts_with(group)) {
      top.problem(key,
                  fmt::format("{} is not {}, the version that this program reads; install the release that "
                              "the file is for, or write {}",
                              in_quotes(*value), in_quotes(wanted), wanted));
    } else if (value && *value != wanted) {
      top.problem(
          key,
          fmt::format("{} is not {}; this file describes another kind of object, or is for another version",
                      in_quotes(*value), in_quotes(wanted)));
    }
  }
}

// What the workers would write to, or read from, themselves.
void check_output_in_store(ObjectReader& spec, const JobSpec& job) {
  if (!job.output.source.store.is_object() || job.output.mount_on_workers || !output_on_workers(job)) return;
  constexpr std::string_view kWayOut =
      "; name a volume, or on one machine {local: {path: ...}}, as the output";
  if (job.output_action == OutputAction::kSummaryOnly) {
    spec.problem(
        "outputAction",
        fmt::format("with summary_only the script writes to the output directory by itself, which it "
                    "cannot where the output lies in a store{}",
                    kWayOut));
    return;
  }
  JobSpec without = job;
  without.partition_keys.clear();
  const bool argument = output_on_workers(without);
  spec.problem(
      argument ? "arguments" : "partitionKeys",
      fmt::format("{}{}",
                  argument ? "$(output) is a directory, and the output lies in a store"
                           : "records are grouped by columns in the output directory, and the output "
                             "lies in a store (keys that the names of folders hold need no grouping: "
                             "name them in pathPattern)",
                  kWayOut));
}

// [output_action]
void check_output_action(ObjectReader& spec, std::string_view, Reading&, const JobSpec& job) {
  if (job.output_action != OutputAction::kSummaryOnly) return;
  const auto of_rows = [&](std::string_view field, bool given) {
    if (!given) return;
    spec.problems().add(
        child_path(spec.path("output"), field),
        "is for the rows of append_row, and outputAction: summary_only writes none; remove one of the two");
  };
  of_rows("addContext", job.output.add_context);
  of_rows("columns", !job.output.columns.empty());
  of_rows("order", job.output.order != OutputOrder::kAny);
}

// [append_row_file_name]
void check_append_row_file_name(ObjectReader& spec, std::string_view key, Reading&, const JobSpec& job) {
  const std::string& name = job.append_row_file_name;
  const auto wrong = [&](std::string_view rule) {
    spec.problem(key, fmt::format("{} {}", in_quotes(name), rule));
  };
  static constexpr std::array<std::string_view, 4> kOwn = {"logs", ".parallelrun", "_SUCCESS",
                                                           "failed_items.jsonl"};
  if (name.empty()) return wrong("is empty; remove the field to get parallel_run_step.txt");
  if (name.find('/') != std::string::npos)
    return wrong("is a path; it must be the name of a file in the output directory");
  if (name == "." || name == "..") return wrong("is not the name of a file");
  if (name.size() > 255) return wrong("is longer than 255 bytes");
  if (std::any_of(name.begin(), name.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return wrong("contains a control character");
  }
  if (std::find(kOwn.begin(), kOwn.end(), name) != kOwn.end()) {
    return wrong("is the name of one of the runner's own files; choose another");
  }
}

void read_output_source(ObjectReader& reader, std::string_view key, Reading& reading, Output& output) {
  const std::optional<Source> read =
      read_source(reader.field(key), reader.path(key), SourceUse::kOutput, reading.place, reader.problems());
  output.source = read.value_or(Source{});
}

namespace {

// Of an input whose columns the manifest names, all that can be read; else nothing.
std::vector<std::string> known_columns(const Input& input) {
  if (is_delimited(input.format)) return input.column_names;
  std::vector<std::string> names;
  if (input.format == DataFormat::kParquet) {
    for (const auto& [name, type] : input.columns) names.push_back(name);
  }
  return names;
}

std::optional<std::string> wrong_with(const std::string& column, const JobSpec& job) {
  static constexpr std::array<std::string_view, 3> kContext = {"input", "file", "row"};
  if (column.empty()) return "is empty; name a column of the input";
  if (job.output.add_context && std::find(kContext.begin(), kContext.end(), column) != kContext.end())
    return in_quotes(column) + " is a column that addContext adds; remove one of the two";
  for (const Input& input : job.inputs) {
    const std::vector<std::string> known = known_columns(input);
    if (known.empty() || std::find(known.begin(), known.end(), column) != known.end()) continue;
    return fmt::format("{} is no column of the input {}{}", in_quotes(column), in_quotes(input.name),
                       did_you_mean(column, known));
  }
  return std::nullopt;
}

void check_output_columns(ObjectReader& output, const Reading& reading, const JobSpec& job) {
  if (job.output.columns.empty()) return;
  if (reading.input_type == InputType::kFile) {
    output.problem("columns",
                   "is for tabular inputs; with files, addContext: true adds the path of each item's file");
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < job.output.columns.size(); ++i) {
    const std::string& column = job.output.columns[i];
    if (!(*output.field("columns"))[i].is_string()) continue;  // told already
    const std::string path = child_path(output.path("columns"), i);
    if (const auto wrong = wrong_with(column, job)) {
      output.problems().add(path, *wrong);
    } else if (!names.insert(column).second) {
      output.problems().add(path, in_quotes(column) + " is in the list twice");
    }
  }
}

}  // namespace

void read_output(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job) {
  ObjectReader output(spec.field(key), spec.path(key), spec.problems());
  if (!output.is_object()) return;
  read_fields(output, fields_of_output(), reading, job.output);
  output.refuse_unknown();
  check_output_columns(output, reading, job);
  if (job.output.source == Source{}) return;  // told already
  for (const Input& input : job.inputs) {
    Source place = input.source;
    place.dataset = nullptr;
    if (place == job.output.source) {
      output.problem("source",
                     fmt::format("is also the source of the input {}; give the output a directory of its own",
                                 in_quotes(input.name)));
    } else if (place.store.is_object() && job.output.source.store.is_object() &&
               stores_overlap(place.store, job.output.source.store)) {
      output.problem("source",
                     fmt::format("lies in the input {}, or the input in it, so the job would read what "
                                 "it writes; give the output a prefix of its own",
                                 in_quotes(input.name)));
    }
  }
  if (job.output.source.store.is_object() && job.output.mount_on_workers) {
    output.problem("mountOnWorkers",
                   "is for a volume; workers cannot write to an output in a store themselves");
  }
}

// [source_directory]
void read_source_directory(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job) {
  job.source_directory =
      read_source(spec.field(key), spec.path(key), SourceUse::kCode, reading.place, spec.problems());
}

// [entry_script]
void check_entry_script(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job) {
  const std::string& script = job.entry_script;
  std::string broken;
  if (script.empty() || script.ends_with('/')) {
    broken = "is not the name of a file";
  } else if (reading.has_source_directory) {
    broken = broken_relative_path(script);
    if (!broken.empty()) broken += "; name a file below sourceDirectory";
  } else if (!script.starts_with('/')) {
    broken = "is relative, but there is no sourceDirectory; add one, or give an absolute path";
  }
  if (!broken.empty()) spec.problem(key, in_quotes(script) + " " + broken);
}

// [mini_batch_size] Files (a count) or bytes. Without a usable input type both forms pass.
void read_mini_batch_size(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job) {
  const std::optional<InputType> type = reading.input_type;
  const bool tabular = type == InputType::kTabular;
  job.mini_batch_size = tabular ? kDefaultBytes : kDefaultFiles;
  const json* value = spec.field(key);
  if (value == nullptr) return;
  if (!job.partition_keys.empty()) {
    spec.problem(
        key,
        "cannot be used together with partitionKeys, which decide alone what a mini-batch is; remove "
        "one of the two");
    return;
  }
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  if (!value->is_string()) {
    if (const auto size = spec.whole_number(key, 1, kHighest)) {
      job.mini_batch_size = static_cast<std::uint64_t>(*size);
    }
    return;
  }
  const auto& text = value->get_ref<const std::string&>();
  const auto wrong = [&](std::string_view rule) {
    spec.problem(key, fmt::format("{} {}", in_quotes(text), rule));
  };
  const bool may_be_bytes = type != InputType::kFile;
  const std::string_view not_a_size = may_be_bytes ? "is not a size; use bytes or KB, MB, GB"
                                                   : "is not a number of files; use a count of 1 or more";
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  unsigned shift = 0;
  if (unit == "KB") {
    shift = 10;
  } else if (unit == "MB") {
    shift = 20;
  } else if (unit == "GB") {
    shift = 30;
  } else if (!unit.empty()) {
    return wrong(not_a_size);
  }
  if (error == std::errc::result_out_of_range) return wrong("is too large");
  if (error != std::errc()) return wrong(not_a_size);
  if (shift != 0 && !may_be_bytes) {
    return wrong(
        "is a size in bytes, which only tabular inputs have; for file inputs give a number of files");
  }
  if (number == 0) return wrong("is too small; it must be at least 1");
  if (number > (static_cast<std::uint64_t>(kHighest) >> shift)) return wrong("is too large");
  job.mini_batch_size = number << shift;
}

JobSpec read_job(const json& document, Place place, Problems& problems) {
  JobSpec job;
  ObjectReader top(&document, "", problems);
  if (document.is_null()) problems.add("", "the manifest is empty");
  if (!top.is_object()) return job;
  read_header(top, kKind);
  read_metadata(top, job);
  const json* value = top.required("spec", "it describes the job");
  top.field("status");  // what a server reports about an earlier object
  ObjectReader spec(value, top.path("spec"), problems);
  if (spec.is_object()) {
    Reading reading;
    reading.place = place;
    reading.has_source_directory = spec.field("sourceDirectory") != nullptr;
    read_fields(spec, fields_of_job(), reading, job);
    check_output_in_store(spec, job);
    spec.refuse_unknown();
  }
  top.refuse_unknown();
  return job;
}

}  // namespace parallelrun
