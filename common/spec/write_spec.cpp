#include "common/spec/manifest.h"

namespace parallelrun {
namespace {

using nlohmann::json;

json write(const Source& source) {
  json out = source.volume.is_object() ? source.volume : json::object();
  if (source.local_path) out["local"] = {{"path", *source.local_path}};
  if (!source.sub_path.empty()) out["subPath"] = source.sub_path;
  return out;
}

json write(const Input& input) {
  json out = {{"name", input.name}, {"type", to_string(input.type)}, {"source", write(input.source)}};
  if (!input.glob.empty()) out["glob"] = input.glob;
  if (input.type == InputType::kTabular) {
    // Not where the glob says it, so that saying it twice makes no other job.
    if (input.format != format_by_ending(input.glob)) out["format"] = to_string(input.format);
    if (!input.columns.empty()) {
      json& columns = out["columns"] = json::object();
      for (const auto& [name, type] : input.columns) columns[name] = to_string(type);
    }
    if (input.format == DataFormat::kCsv) {
      out["delimiter"] = std::string(1, input.delimiter);
      out["encoding"] = input.encoding;
      if (input.na_values) out["naValues"] = *input.na_values;
    }
  }
  return out;
}

json write(const Output& output) {
  json out = {{"source", write(output.source)},
              {"overwrite", output.overwrite},
              {"mountOnWorkers", output.mount_on_workers}};
  // Not the default: what earlier versions have recorded of a job must go on being equal.
  if (output.format != Output().format) out["format"] = to_string(output.format);
  return out;
}

json write(const SideInput& input) {
  json out = {{"name", input.name}, {"source", write(input.source)}};
  if (input.mount_path) out["mountPath"] = *input.mount_path;
  return out;
}

json write(const Environment& environment) {
  json out = json::object();
  if (!environment.image.empty()) out["image"] = environment.image;
  if (!environment.requirements.empty()) out["requirements"] = environment.requirements;
  if (!environment.requirements_file.empty()) out["requirementsFile"] = environment.requirements_file;
  if (!environment.variables.empty()) out["variables"] = environment.variables;
  if (!environment.env.empty()) out["env"] = environment.env;
  return out;
}

}  // namespace

json to_json(const JobSpec& job) {
  json spec = job.cluster.is_object() ? job.cluster : json::object();
  spec["entryScript"] = job.entry_script;
  if (job.source_directory) spec["sourceDirectory"] = write(*job.source_directory);
  spec["miniBatchSize"] = job.mini_batch_size;
  spec["errorThreshold"] = job.error_threshold;
  if (job.allowed_failed_count) spec["allowedFailedCount"] = *job.allowed_failed_count;
  if (job.allowed_failed_percent) spec["allowedFailedPercent"] = *job.allowed_failed_percent;
  spec["outputAction"] = to_string(job.output_action);
  spec["appendRowFileName"] = job.append_row_file_name;
  spec["nodeCount"] = job.node_count;
  spec["processCountPerNode"] = job.process_count_per_node;
  spec["environment"] = write(job.environment);
  spec["loggingLevel"] = to_string(job.logging_level);
  spec["runInvocationTimeout"] = job.run_invocation_timeout.count();
  spec["initTimeout"] = job.init_timeout.count();
  spec["resourceMonitorInterval"] = job.resource_monitor_interval.count();
  spec["taskOverheadTimeout"] = job.task_overhead_timeout.count();
  if (job.progress_update_timeout) spec["progressUpdateTimeout"] = job.progress_update_timeout->count();
  spec["firstTaskCreationTimeout"] = job.first_task_creation_timeout.count();
  spec["runMaxTry"] = job.run_max_try;
  spec["runRetryDelay"] = job.run_retry_delay.count();
  spec["maxMiniBatchesPerProcess"] = job.max_mini_batches_per_process;
  spec["restartAfterFailure"] = job.restart_after_failure;
  if (!job.process_memory_limit.empty()) spec["processMemoryLimit"] = job.process_memory_limit;
  if (!job.shared_memory.empty()) spec["sharedMemory"] = job.shared_memory;
  spec["inputs"] = json::array();
  for (const Input& input : job.inputs) spec["inputs"].push_back(write(input));
  if (!job.side_inputs.empty()) {
    spec["sideInputs"] = json::array();
    for (const SideInput& input : job.side_inputs) spec["sideInputs"].push_back(write(input));
  }
  spec["output"] = write(job.output);
  if (!job.arguments.empty()) spec["arguments"] = job.arguments;
  spec["allowReuse"] = job.allow_reuse;

  json metadata = {{"name", job.name}};
  if (!job.job_namespace.empty()) metadata["namespace"] = job.job_namespace;
  return {{"apiVersion", kApiVersion},
          {"kind", kKind},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)}};
}

}  // namespace parallelrun
