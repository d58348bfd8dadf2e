#include "common/spec/write_spec.h"

#include "common/spec/dataset_use.h"
#include "common/spec/field_table.h"
#include "common/spec/field_writer.h"
#include "common/spec/manifest.h"
#include "common/spec/store_sources.h"

namespace parallelrun {
namespace {

using nlohmann::json;

void set(json& out, std::string_view key, json value) { out[std::string(key)] = std::move(value); }

json of_source(const Source& source) {
  json out = source.volume.is_object() ? source.volume : json::object();
  if (source.store.is_object()) out = source.store;
  if (source.dataset.is_object()) {
    json& reference = out[names_dataset(source) ? std::string("dataset") : std::string(kFromDataset)];
    reference = source.dataset;
    reference.erase(std::string(kTyped));
  }
  if (source.local_path) out["local"] = {{"path", *source.local_path}};
  if (!source.sub_path.empty()) out["subPath"] = source.sub_path;
  return out;
}

bool has(const Input& input, FieldOf of) {
  if (of == FieldOf::kAll || has_type_of_dataset(input)) return true;
  if (input.type != InputType::kTabular) return false;
  return of == FieldOf::kTabular || (is_delimited(input.format) && !is_database(input.source.store));
}

json of_input(const Input& input, Identity least) {
  json out = json::object();
  for (const Field<Input>& field : fields_of_input()) {
    if (has(input, field.of)) write_field(field, least, input, out);
  }
  // A format that was said and is the default is another thing than one that is left to the files.
  const bool said = least == Identity::kNone && has(input, FieldOf::kTabular) && !input.format_of_files &&
                    input.glob.empty() && input.path_pattern.empty();
  if (said && !has_type_of_dataset(input) && !is_database(input.source.store))
    set(out, "format", to_string(input.format));
  if (has_type_of_dataset(input)) out.erase("type");
  return out;
}

}  // namespace

void write_source_directory(const JobSpec& job, Identity, std::string_view key, json& out) {
  if (job.source_directory) set(out, key, of_source(*job.source_directory));
}

void write_inputs(const JobSpec& job, Identity least, std::string_view key, json& out) {
  json list = json::array();
  for (const Input& input : job.inputs) list.push_back(of_input(input, least));
  set(out, key, std::move(list));
}

void write_side_inputs(const JobSpec& job, Identity least, std::string_view key, json& out) {
  if (job.side_inputs.empty()) return;
  json list = json::array();
  for (const SideInput& input : job.side_inputs) {
    list.push_back(write_fields(fields_of_side_input(), least, input));
  }
  set(out, key, std::move(list));
}

void write_output(const JobSpec& job, Identity least, std::string_view key, json& out) {
  json output = write_fields(fields_of_output(), least, job.output);
  // Of a job whose output has nothing that identifies it there is nothing to say.
  if (!output.empty()) set(out, key, std::move(output));
}

void write_mini_batch_size(const JobSpec& job, Identity, std::string_view key, json& out) {
  if (job.partition_keys.empty()) set(out, key, job.mini_batch_size);
}

void write_environment(const JobSpec& job, Identity least, std::string_view key, json& out) {
  set(out, key, write_fields(fields_of_environment(), least, job.environment));
}

void write_input_source(const Input& input, Identity, std::string_view key, json& out) {
  set(out, key, of_source(input.source));
}

void write_columns(const Input& input, Identity, std::string_view key, json& out) {
  if (input.columns.empty()) return;
  json columns = json::object();
  for (const auto& [name, type] : input.columns) columns[name] = to_string(type);
  set(out, key, std::move(columns));
}

void write_side_input_source(const SideInput& input, Identity, std::string_view key, json& out) {
  set(out, key, of_source(input.source));
}

void write_mount_path(const SideInput& input, Identity, std::string_view key, json& out) {
  if (input.mount_path) set(out, key, *input.mount_path);
}

void write_output_source(const Output& output, Identity, std::string_view key, json& out) {
  set(out, key, of_source(output.source));
}

void write_variables(const Environment& environment, Identity, std::string_view key, json& out) {
  if (!environment.variables.empty()) set(out, key, environment.variables);
}

void write_env(const Environment& environment, Identity, std::string_view key, json& out) {
  if (!environment.env.empty()) set(out, key, environment.env);
}

json identifying_fields(const JobSpec& job, Identity least) {
  return write_fields(fields_of_job(), least, job);
}

json to_json(const JobSpec& job) {
  json metadata = {{"name", job.name}};
  if (!job.job_namespace.empty()) metadata["namespace"] = job.job_namespace;
  return {{"apiVersion", kApiVersion},
          {"kind", kKind},
          {"metadata", std::move(metadata)},
          {"spec", identifying_fields(job, Identity::kNone)}};
}

}  // namespace parallelrun
