#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "common/spec/read_spec.h"
#include "common/spec/size_text.h"
#include "common/spec/words.h"

namespace parallelrun {
namespace {

using nlohmann::json;

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
      if (name->size() < 3 || name->size() > 32) {
        metadata.problem(
            "name", fmt::format("{} has {} characters; 3 to 32 are allowed", in_quotes(*name), name->size()));
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
  for (const char* key : {"labels", "annotations"}) {
    const json* map = metadata.object(key);
    if (map == nullptr) continue;
    for (const auto& item : map->items()) {
      as_text(item.value(), child_path(metadata.path(key), item.key()), top.problems());
    }
  }
  // What a server adds; it says nothing about the job.
  for (const char* key :
       {"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "managedFields", "ownerReferences", "finalizers", "selfLink"}) {
    metadata.field(key);
  }
  if (metadata.field("generateName") != nullptr) {
    metadata.problem("generateName", "is not supported; give the job a name, so that you can find it again");
  }
  metadata.refuse_unknown();
}

void read_header(ObjectReader& top) {
  for (const auto& [key, wanted] : {std::pair{"apiVersion", kApiVersion}, std::pair{"kind", kKind}}) {
    if (top.required(key, fmt::format("{}: {}", key, wanted)) == nullptr) continue;
    const auto value = top.text(key);
    if (value && *value != wanted) {
      top.problem(
          key,
          fmt::format("{} is not {}; this file describes another kind of object, or is for another version",
                      in_quotes(*value), in_quotes(wanted)));
    }
  }
}

// [append_row_file_name]
void read_append_row_file_name(ObjectReader& spec, JobSpec& job) {
  const auto name = spec.text("appendRowFileName");
  if (!name) return;
  job.append_row_file_name = *name;
  const auto wrong = [&](std::string_view rule) {
    spec.problem("appendRowFileName", fmt::format("{} {}", in_quotes(*name), rule));
  };
  static constexpr std::array<std::string_view, 4> kOwn = {"logs", ".parallelrun", "_SUCCESS",
                                                           "failed_items.jsonl"};
  if (name->empty()) return wrong("is empty; remove the field to get parallel_run_step.txt");
  if (name->find('/') != std::string::npos)
    return wrong("is a path; it must be the name of a file in the output directory");
  if (*name == "." || *name == "..") return wrong("is not the name of a file");
  if (name->size() > 255) return wrong("is longer than 255 bytes");
  if (std::any_of(name->begin(), name->end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return wrong("contains a control character");
  }
  if (std::find(kOwn.begin(), kOwn.end(), *name) != kOwn.end()) {
    return wrong("is the name of one of the runner's own files; choose another");
  }
}

void read_numbers(ObjectReader& spec, JobSpec& job) {
  const json among_arguments = fields_among_arguments(spec, job.arguments);
  const auto argument = [&](const char* key) {
    const auto found = among_arguments.find(key);
    return found == among_arguments.end() ? std::optional<std::int64_t>() : found->get<std::int64_t>();
  };
  // The field where it is set, else what stands among the arguments.
  const auto number = [&](const char* key, std::int64_t lowest, std::int64_t highest = kHighestInt) {
    return spec.field(key) != nullptr ? spec.whole_number(key, lowest, highest) : argument(key);
  };
  const auto positive = [&](const char* key, int otherwise, std::int64_t highest = kHighestInt) {
    return static_cast<int>(number(key, 1, highest).value_or(otherwise));
  };
  const auto seconds = [&](const char* key, std::int64_t lowest, std::int64_t otherwise) {
    return std::chrono::seconds(number(key, lowest).value_or(otherwise));
  };

  job.error_threshold = number("errorThreshold", -1).value_or(job.error_threshold);
  if (const auto count = number("allowedFailedCount", -1); count && *count >= 0) {
    job.allowed_failed_count = count;
  }
  if (const json* percent = spec.field("allowedFailedPercent")) {
    if (!percent->is_number()) {
      spec.problem("allowedFailedPercent", "must be a number, found " + described(*percent));
    } else if (percent->get<double>() < 0 || percent->get<double>() > 100) {
      spec.problem("allowedFailedPercent", percent->dump() + " is out of range; it must be from 0 to 100");
    } else {
      job.allowed_failed_percent = percent->get<double>();
    }
  } else if (among_arguments.contains("allowedFailedPercent")) {
    job.allowed_failed_percent = among_arguments["allowedFailedPercent"].get<double>();
  }
  job.node_count = positive("nodeCount", job.node_count, kMostNodes);
  job.process_count_per_node =
      positive("processCountPerNode", job.process_count_per_node, kMostProcessesPerNode);
  job.run_max_try = positive("runMaxTry", job.run_max_try);

  job.run_invocation_timeout = seconds("runInvocationTimeout", 1, job.run_invocation_timeout.count());
  job.init_timeout =
      seconds("initTimeout", 1, std::min(3 * job.run_invocation_timeout.count() + 30, kHighestInt));
  job.resource_monitor_interval =
      seconds("resourceMonitorInterval", 0, job.resource_monitor_interval.count());
  job.task_overhead_timeout = seconds("taskOverheadTimeout", 1, job.task_overhead_timeout.count());
  if (const auto limit = number("progressUpdateTimeout", 1)) {
    job.progress_update_timeout = std::chrono::seconds(*limit);
  }
  job.first_task_creation_timeout =
      seconds("firstTaskCreationTimeout", 1, job.first_task_creation_timeout.count());
  job.run_retry_delay = seconds("runRetryDelay", 0, job.run_retry_delay.count());
  job.max_mini_batches_per_process = static_cast<int>(number("maxMiniBatchesPerProcess", 0).value_or(0));
  job.restart_after_failure = spec.boolean("restartAfterFailure").value_or(false);
}

// A Kubernetes quantity of bytes above 0; empty: absent, or a problem.
std::string read_size(ObjectReader& spec, const char* field) {
  const json* value = spec.field(field);
  if (value == nullptr) return {};
  if (value->is_number_integer() && *value > 0) return value->dump();
  const auto text = value->is_number() ? std::optional(value->dump()) : spec.text(field);
  if (!text) return {};
  if (!value->is_number() && bytes_of_size(*text)) return *text;
  spec.problem(field, in_quotes(*text) + " is not a size; write a size such as 512Mi or 2Gi");
  return {};
}

void read_output_format(ObjectReader& output, Output& read) {
  const auto word = output.text("format");
  if (!word) return;
  if (*word == "csv" || *word == "parquet") {
    output.problem("format", in_quotes(*word) + " is not supported yet; remove the field to get text rows");
  } else if (const auto format = output.choice<OutputFormat>("format", output_formats())) {
    read.format = *format;
  }
}

void read_output(ObjectReader& spec, Place place, JobSpec& job) {
  const json* value = spec.required("output", "output: {source: ...}");
  ObjectReader output(value, spec.path("output"), spec.problems());
  if (!output.is_object()) return;
  const json* source =
      output.required("source", "a Kubernetes volume source, or local: {path: ...} on one machine");
  const std::optional<Source> read =
      read_source(source, output.path("source"), SourceUse::kOutput, place, spec.problems());
  job.output.source = read.value_or(Source{});
  job.output.overwrite = output.boolean("overwrite").value_or(false);
  job.output.mount_on_workers = output.boolean("mountOnWorkers").value_or(false);
  read_output_format(output, job.output);
  output.refuse_unknown();
  if (!read) return;
  for (std::size_t i = 0; i < job.inputs.size(); ++i) {
    if (job.inputs[i].source == *read) {
      output.problem("source",
                     fmt::format("is also the source of the input {}; give the output a directory of its own",
                                 in_quotes(job.inputs[i].name)));
    }
  }
}

// [entry_script], [source_directory]
void read_code(ObjectReader& spec, Place place, JobSpec& job) {
  const json* source = spec.field("sourceDirectory");
  job.source_directory =
      read_source(source, spec.path("sourceDirectory"), SourceUse::kCode, place, spec.problems());
  if (spec.required("entryScript", "the Python file with init() and run(mini_batch)") == nullptr) return;
  const auto script = spec.text("entryScript");
  if (!script) return;
  job.entry_script = *script;
  std::string broken;
  if (script->empty() || script->ends_with('/')) {
    broken = "is not the name of a file";
  } else if (source != nullptr) {
    broken = broken_relative_path(*script);
    if (!broken.empty()) broken += "; name a file below sourceDirectory";
  } else if (!script->starts_with('/')) {
    broken = "is relative, but there is no sourceDirectory; add one, or give an absolute path";
  }
  if (!broken.empty()) spec.problem("entryScript", in_quotes(*script) + " " + broken);
}

// [mini_batch_size] Files (a count) or bytes. Without a usable input type both forms pass.
void read_mini_batch_size(ObjectReader& spec, std::optional<InputType> type, JobSpec& job) {
  const bool tabular = type == InputType::kTabular;
  job.mini_batch_size = tabular ? kDefaultBytes : kDefaultFiles;
  const json* value = spec.field("miniBatchSize");
  if (value == nullptr) return;
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  if (!value->is_string()) {
    if (const auto size = spec.whole_number("miniBatchSize", 1, kHighest)) {
      job.mini_batch_size = static_cast<std::uint64_t>(*size);
    }
    return;
  }
  const auto& text = value->get_ref<const std::string&>();
  const auto wrong = [&](std::string_view rule) {
    spec.problem("miniBatchSize", fmt::format("{} {}", in_quotes(text), rule));
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

}  // namespace

JobSpec read_job(const json& document, Place place, Problems& problems) {
  JobSpec job;
  ObjectReader top(&document, "", problems);
  if (document.is_null()) problems.add("", "the manifest is empty");
  if (!top.is_object()) return job;
  read_header(top);
  read_metadata(top, job);
  const json* value = top.required("spec", "it describes the job");
  top.field("status");  // what a server reports about an earlier object
  ObjectReader spec(value, top.path("spec"), problems);
  if (spec.is_object()) {
    read_code(spec, place, job);
    job.environment = read_environment(spec, spec.field("sourceDirectory") != nullptr);
    const std::size_t before = problems.size();
    job.inputs = read_inputs(spec, place);
    const bool sound_inputs = problems.size() == before;
    job.side_inputs = read_side_inputs(spec, place);
    read_output(spec, place, job);
    const bool known_type = sound_inputs && !job.inputs.empty();
    read_mini_batch_size(spec, known_type ? std::optional(job.input_type()) : std::nullopt, job);
    job.arguments = spec.texts("arguments");
    check_placeholders(spec, job);
    read_numbers(spec, job);
    job.process_memory_limit = read_size(spec, "processMemoryLimit");
    job.shared_memory = read_size(spec, "sharedMemory");
    if (const auto action = spec.choice<OutputAction>("outputAction", output_actions()))
      job.output_action = *action;
    read_append_row_file_name(spec, job);
    if (const auto level = spec.choice<LoggingLevel>("loggingLevel", logging_levels()))
      job.logging_level = *level;
    job.allow_reuse = spec.boolean("allowReuse").value_or(true);
    job.cluster = read_cluster_fields(spec);
    spec.refuse_unknown();
  }
  top.refuse_unknown();
  return job;
}

}  // namespace parallelrun
