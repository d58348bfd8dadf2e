#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/spec/mount_path.h"
#include "common/spec/read_spec.h"

namespace parallelrun {
namespace {

using nlohmann::json;

// [-._a-zA-Z][-._a-zA-Z0-9]*, as the API server has it.
bool is_variable_name(std::string_view name) {
  const auto first = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
  };
  return !name.empty() && first(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return first(c) || (c >= '0' && c <= '9'); });
}

constexpr std::string_view kNameRule =
    " is not a variable name; use letters, digits, '_', '-' and '.', not beginning with a digit";

void read_variables(ObjectReader& reader, Environment& environment) {
  const json* variables = reader.object("variables");
  if (variables == nullptr) return;
  const std::string path = reader.path("variables");
  for (const auto& item : variables->items()) {
    const std::string where = child_path(path, item.key());
    if (!is_variable_name(item.key())) {
      reader.problems().add(where, in_quotes(item.key()) + std::string(kNameRule));
      continue;
    }
    if (auto value = as_text(item.value(), where, reader.problems()))
      environment.variables[item.key()] = *value;
  }
}

void read_env_item(const json& item, const std::string& path, std::set<std::string>& taken,
                   Problems& problems) {
  ObjectReader reader(&item, path, problems);
  if (item.is_null()) problems.add(path, "must be an object with a name, found nothing (null)");
  if (!reader.is_object()) return;
  if (reader.required("name", "the variable to set") != nullptr) {
    const auto name = reader.text("name");
    if (name && !is_variable_name(*name)) {
      reader.problem("name", in_quotes(*name) + std::string(kNameRule));
    } else if (name && !taken.insert(*name).second) {
      reader.problem("name", in_quotes(*name) + " is in the list twice");
    }
  }
  reader.text("value");
  const json* from = reader.object("valueFrom");
  if (from != nullptr) {
    if (reader.field("value") != nullptr)
      reader.problem("valueFrom", "cannot be used together with value; give one of the two");
    ObjectReader origin(from, reader.path("valueFrom"), problems);
    std::size_t origins = 0;
    for (const char* key :
         {"secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef", "fileKeyRef"}) {
      if (origin.object(key) != nullptr) ++origins;
    }
    origin.refuse_unknown();
    if (origins != 1)
      problems.add(origin.path(), "must name one origin, such as secretKeyRef: {name: ..., key: ...}");
  }
  reader.refuse_unknown();
}

void read_requirements(ObjectReader& reader, Environment& environment, bool has_source_directory) {
  environment.requirements = reader.texts("requirements");
  for (std::size_t i = 0; i < environment.requirements.size(); ++i) {
    const std::string& requirement = environment.requirements[i];
    const json& item = (*reader.field("requirements"))[i];
    if (!item.is_string()) continue;  // told already
    const std::string path = child_path(reader.path("requirements"), i);
    if (requirement.find_first_not_of(" \t") == std::string::npos) {
      reader.problems().add(path, "is empty; write a requirement such as pillow==10.4.0");
    } else if (requirement.find_first_of("\r\n") != std::string::npos) {
      reader.problems().add(
          path, in_quotes(requirement) + " contains a line break; make each requirement an item of the list");
    } else if (requirement.starts_with('-')) {
      reader.problems().add(path, in_quotes(requirement) +
                                      " is an option of pip, not a requirement; write options into "
                                      "a file and name it in requirementsFile");
    }
  }
  if (const auto file = reader.text("requirementsFile")) {
    environment.requirements_file = *file;
    std::string broken = file->empty() ? "is empty" : broken_relative_path(*file);
    if (broken.empty() && !has_source_directory)
      broken = "is relative to the source directory, but there is none; add sourceDirectory";
    if (!broken.empty()) reader.problem("requirementsFile", in_quotes(*file) + " " + broken);
    if (!environment.requirements.empty()) {
      reader.problem("requirementsFile", "cannot be used together with requirements; give one of the two");
    }
  }
}

}  // namespace

Environment read_environment(ObjectReader& spec, bool has_source_directory) {
  Environment environment;
  ObjectReader reader(spec.field("environment"), spec.path("environment"), spec.problems());
  if (const auto image = reader.text("image")) {
    environment.image = *image;
    if (image->empty())
      reader.problem("image", "is empty; name an image, or remove the field to get the default image");
    if (image->find_first_of(" \t\r\n") != std::string::npos) {
      reader.problem("image", in_quotes(*image) + " contains a space; write registry/name:tag");
    }
  }
  read_requirements(reader, environment, has_source_directory);
  read_variables(reader, environment);
  if (const json* env = reader.list("env")) {
    std::set<std::string> taken;
    for (std::size_t i = 0; i < env->size() && !spec.problems().full(); ++i) {
      read_env_item((*env)[i], child_path(reader.path("env"), i), taken, spec.problems());
    }
    for (std::size_t i = 0; i < env->size() && !spec.problems().full(); ++i) {
      const json& item = (*env)[i];
      if (!item.is_object() || !item.contains("name") || !item["name"].is_string()) continue;
      const auto& name = item["name"].get_ref<const std::string&>();
      if (!environment.variables.contains(name)) continue;
      spec.problems().add(child_path(reader.path("env"), i),
                          in_quotes(name) + " is also in variables; give it only once");
    }
    environment.env = *env;
  }
  reader.refuse_unknown();
  return environment;
}

namespace {

// What a pod template mounts besides: nothing of it may hide what the runner or the system runs on. The
// operator checks the rest of the template.
void check_mounts_of_template(ObjectReader& spec, const char* key, const json& overrides) {
  const auto mounts = overrides.find("volumeMounts");
  if (mounts == overrides.end() || !mounts->is_array()) return;
  for (std::size_t i = 0; i < mounts->size(); ++i) {
    const json& mount = (*mounts)[i];
    const auto path = mount.is_object() ? mount.find("mountPath") : mount.end();
    if (!mount.is_object() || path == mount.end() || !path->is_string()) continue;
    const std::string text = path->get<std::string>();
    if (is_shared_memory(text)) continue;
    const std::string problem = mount_path(text).problem;
    if (problem.empty()) continue;
    spec.problems().add(child_path(child_path(child_path(spec.path(key), "volumeMounts"), i), "mountPath"),
                        in_quotes(text) + " " + problem);
  }
}

}  // namespace

json read_cluster_fields(ObjectReader& spec) {
  json cluster = json::object();
  if (const auto suspend = spec.boolean("suspend")) cluster["suspend"] = *suspend;
  if (const auto seconds = spec.whole_number("ttlSecondsAfterFinished", 0, kHighestInt)) {
    cluster["ttlSecondsAfterFinished"] = *seconds;
  }
  if (const auto seconds = spec.whole_number("activeDeadlineSeconds", 1, kHighestInt)) {
    cluster["activeDeadlineSeconds"] = *seconds;
  }
  if (const auto manager = spec.text("managedBy")) {
    if (manager->empty())
      spec.problem("managedBy", "is empty; remove the field if the operator of this project runs the job");
    cluster["managedBy"] = *manager;
  }
  for (const char* key : {"orchestrator", "worker"}) {
    if (const json* overrides = spec.object(key)) {
      check_mounts_of_template(spec, key, *overrides);
      cluster[key] = *overrides;
    }
  }
  return cluster;
}

}  // namespace parallelrun
