#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/spec/field_reader.h"
#include "common/spec/field_table.h"
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

}  // namespace

void read_variables(ObjectReader& reader, std::string_view key, Reading&, Environment& environment) {
  const json* variables = reader.object(key);
  if (variables == nullptr) return;
  const std::string path = reader.path(key);
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

void check_image(ObjectReader& reader, std::string_view key, Reading&, const Environment& environment) {
  const std::string& image = environment.image;
  if (image.empty())
    reader.problem(key, "is empty; name an image, or remove the field to get the default image");
  if (image.find_first_of(" \t\r\n") != std::string::npos) {
    reader.problem(key, in_quotes(image) + " contains a space; write registry/name:tag");
  }
}

void check_requirements(ObjectReader& reader, std::string_view key, Reading&,
                        const Environment& environment) {
  for (std::size_t i = 0; i < environment.requirements.size(); ++i) {
    const std::string& requirement = environment.requirements[i];
    const json& item = (*reader.field(key))[i];
    if (!item.is_string()) continue;  // told already
    const std::string path = child_path(reader.path(key), i);
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
}

void check_requirements_file(ObjectReader& reader, std::string_view key, Reading& reading,
                             const Environment& environment) {
  const std::string& file = environment.requirements_file;
  std::string broken = file.empty() ? "is empty" : broken_relative_path(file);
  if (broken.empty() && !reading.has_source_directory)
    broken = "is relative to the source directory, but there is none; add sourceDirectory";
  if (!broken.empty()) reader.problem(key, in_quotes(file) + " " + broken);
  if (!environment.requirements.empty()) {
    reader.problem(key, "cannot be used together with requirements; give one of the two");
  }
}

void check_conda_file(ObjectReader& reader, std::string_view key, Reading& reading,
                      const Environment& environment) {
  const std::string& file = environment.conda_file;
  std::string broken = file.empty() ? "is empty" : broken_relative_path(file);
  if (broken.empty() && !reading.has_source_directory)
    broken = "is relative to the source directory, but there is none; add sourceDirectory";
  if (!broken.empty()) reader.problem(key, in_quotes(file) + " " + broken);
  if (!environment.requirements.empty() || !environment.requirements_file.empty())
    reader.problem(key,
                   "cannot be used together with requirements or requirementsFile; give one of the three");
}

void check_wheels(ObjectReader& reader, std::string_view key, Reading& reading,
                  const Environment& environment) {
  const std::string& folder = environment.wheels;
  const bool absolute = folder.starts_with('/');
  std::string broken =
      folder.empty() ? "is empty" : broken_relative_path(std::string_view(folder).substr(absolute ? 1 : 0));
  if (broken.empty() && !absolute && !reading.has_source_directory)
    broken =
        "is relative to the source directory, but there is none; add sourceDirectory, or give an absolute "
        "path";
  if (!broken.empty()) return reader.problem(key, in_quotes(folder) + " " + broken);
  if (environment.requirements.empty() && environment.requirements_file.empty() &&
      environment.conda_file.empty())
    reader.problem(key,
                   "there is nothing to install from it; add requirements, requirementsFile or condaFile");
}

void read_env(ObjectReader& reader, std::string_view key, Reading&, Environment& environment) {
  const json* env = reader.list(key);
  if (env == nullptr) return;
  Problems& problems = reader.problems();
  std::set<std::string> taken;
  for (std::size_t i = 0; i < env->size() && !problems.full(); ++i) {
    read_env_item((*env)[i], child_path(reader.path(key), i), taken, problems);
  }
  for (std::size_t i = 0; i < env->size() && !problems.full(); ++i) {
    const json& item = (*env)[i];
    if (!item.is_object() || !item.contains("name") || !item["name"].is_string()) continue;
    const auto& name = item["name"].get_ref<const std::string&>();
    if (!environment.variables.contains(name)) continue;
    problems.add(child_path(reader.path(key), i),
                 in_quotes(name) + " is also in variables; give it only once");
  }
  environment.env = *env;
}

void read_environment(ObjectReader& spec, std::string_view key, Reading& reading, JobSpec& job) {
  ObjectReader reader(spec.field(key), spec.path(key), spec.problems());
  read_fields(reader, fields_of_environment(), reading, job.environment);
  reader.refuse_unknown();
}

// What a pod template mounts besides: nothing of it may hide what the runner or the system runs on. The
// operator checks the rest of the template.
void check_mounts_of_template(ObjectReader& spec, std::string_view key, Reading&, const JobSpec& job) {
  const json& overrides = job.cluster[std::string(key)];
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

void check_managed_by(ObjectReader& spec, std::string_view key, Reading&, const JobSpec& job) {
  const nlohmann::json& name = job.cluster[std::string(key)];
  if (name.is_string() && name.get_ref<const std::string&>().empty())
    spec.problem(key, "is empty; remove the field if the operator of this project runs the job");
}

}  // namespace parallelrun
