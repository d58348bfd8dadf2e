#include "runner/agent/worker_config.h"

#include <map>

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/spec/placeholders.h"
#include "runner/channel/hold_back.h"
#include "runner/input/file_walk.h"
#include "runner/input/input_format.h"

namespace parallelrun::agent {
namespace {

using nlohmann::json;

json hold_back() {
  const channel::HoldBack rule;
  return {{"short_task_ns", rule.short_task_ns},
          {"short_tasks", rule.short_tasks},
          {"hold_ns", rule.hold_ns},
          {"hold_bytes", rule.hold_bytes}};
}

}  // namespace

std::string worker_config(const ResolvedJob& job, const std::string& agent_name, SlotIndex slot,
                          const std::string& log_directory) {
  const JobSpec& spec = job.spec;
  json inputs = json::array();
  for (const Input& input : spec.inputs) {
    const std::unique_ptr<InputFormat> format = open_format(input, spec.partition_keys);
    const auto directory = job.input_directories.find(input.name);
    json entry{
        {"name", input.name},
        {"kind", static_cast<int>(format->kind())},
        {"directory",
         directory == job.input_directories.end() ? std::string() : FileWalk::root_of(directory->second)}};
    if (!spec.partition_keys.empty()) entry["groups"] = groups_directory(job.output_directory, inputs.size());
    format->tell_worker(entry);
    inputs.push_back(std::move(entry));
  }
  const json config{
      {"script", job.script},
      {"job_name", spec.name},
      {"argv", job.arguments},
      {"logging_level", to_string(spec.logging_level)},
      {"agent_name", agent_name},
      {"process_name", process_name(slot)},
      {"log_dir", log_directory},
      {"output_dir", output_on_workers(spec) ? json(job.output_directory) : json(nullptr)},
      {"output_action", to_string(spec.output_action)},
      {"output_format", to_string(spec.output.format)},
      {"add_context", spec.output.add_context},
      {"output_columns", spec.output.columns},
      {"side_inputs", job.side_input_directories},
      {"inputs", std::move(inputs)},
      {"hold_back", hold_back()},
  };
  // Paths are bytes; what is no UTF-8 in one cannot stand in JSON.
  return compact_text(config);
}

WorkerEnvironment worker_environment(const JobSpec& spec, const VariablesOfAgent& agent, SlotIndex slot) {
  std::map<std::string, std::string> variables;
  for (const std::string& entry : agent.inherited) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0 || entry.rfind("PARALLELRUN_", 0) == 0) continue;
    variables[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  if (!agent.env_is_inherited && spec.environment.env.is_array()) {
    for (const json& entry : spec.environment.env) {
      if (!entry.is_object()) continue;
      const auto name = entry.find("name");
      const auto value = entry.find("value");
      if (name != entry.end() && name->is_string() && value != entry.end() && value->is_string()) {
        variables[name->get<std::string>()] = value->get<std::string>();
      }
    }
  }
  for (const auto& [name, value] : spec.environment.variables) variables[name] = value;
  variables["PARALLELRUN_PYTHON_PATH"] = agent.package_directory;
  variables["PARALLELRUN_PYTHON_EXECUTABLE"] = agent.python;

  WorkerEnvironment out;
  out.gpus = deal_gpus(variables, agent.gpus, {agent.first_process + slot, agent.processes_in_total});
  for (const GpuDeal& deal : out.gpus) variables[deal.variable] = deal.value;
  out.variables.reserve(variables.size());
  for (const auto& [name, value] : variables) out.variables.push_back(name + "=" + value);
  return out;
}

}  // namespace parallelrun::agent
