#include "runner/job/submission.h"

#include <utility>

#include "common/hash/sha256.h"
#include "common/spec/manifest.h"
#include "common/text/presentable.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr const char* kWithheld = "***";
constexpr const char* kNotOfItems[] = {
    "miniBatchSize",        "nodeCount", "processCountPerNode", "loggingLevel",
    "runInvocationTimeout", "runMaxTry", "appendRowFileName"};

std::string digest_of(const std::string& value) { return "sha256:" + sha256_hex(value).substr(0, 16); }

void withhold(json& text, const std::string& pointer, json& withheld) {
  if (!text.is_string()) return;
  withheld[pointer] = digest_of(text.get_ref<const std::string&>());
  text = kWithheld;
}

std::string escaped(std::string key) {
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"~", "~0"}, {"/", "~1"}}) {
    for (std::size_t at = 0; (at = key.find(from, at)) != std::string::npos; at += to.size())
      key.replace(at, from.size(), to);
  }
  return key;
}

void withhold_variables(json& environment, json& withheld) {
  const std::string at = "/spec/environment/";
  if (const auto variables = environment.find("variables"); variables != environment.end()) {
    for (auto& [name, value] : variables->items())
      withhold(value, at + "variables/" + escaped(name), withheld);
  }
  if (const auto list = environment.find("env"); list != environment.end()) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      json& variable = (*list)[i];
      if (variable.is_object() && variable.contains("value"))
        withhold(variable["value"], at + "env/" + std::to_string(i) + "/value", withheld);
    }
  }
}

// Wherever it stands: an argument, a requirement, an index.
void withhold_passwords(json& value, const std::string& pointer, json& withheld) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (without_credentials(text) != text) withhold(value, pointer, withheld);
  } else if (value.is_object()) {
    for (auto& [name, member] : value.items())
      withhold_passwords(member, pointer + "/" + escaped(name), withheld);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      withhold_passwords(value[i], pointer + "/" + std::to_string(i), withheld);
  }
}

// "/spec/a/0" -> "spec.a[0]".
std::string path_of(const json::json_pointer& pointer) {
  std::vector<std::string> parts;
  for (json::json_pointer rest = pointer; !rest.empty(); rest.pop_back()) parts.push_back(rest.back());
  std::string path;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const bool index = !part->empty() && part->find_first_not_of("0123456789") == std::string::npos;
    path += index ? "[" + *part + "]" : (path.empty() ? "" : ".") + *part;
  }
  return path;
}

const json* text_in(const json& document, const json::json_pointer& pointer) {
  if (!document.contains(pointer)) return nullptr;
  const json& found = document.at(pointer);
  return found.is_string() ? &found : nullptr;
}

}  // namespace

json submission_of(const ResolvedJob& job, const SubmittedWith& with) {
  json spec = to_json(job.spec);
  json withheld = json::object();
  if (const auto environment = spec["spec"].find("environment"); environment != spec["spec"].end())
    withhold_variables(*environment, withheld);
  withhold_passwords(spec["spec"], "/spec", withheld);
  return {{"version", 1},
          {"manifest", with.manifest},
          {"credentials", with.credentials},
          {"datasets", with.datasets},
          {"resubmissionOf", with.resubmission_of},
          {"spec", std::move(spec)},
          {"withheld", std::move(withheld)},
          {"inputs", job.input_directories},
          {"sideInputs", job.side_input_directories},
          {"sourceDirectory", job.source_directory}};
}

json submission_of_pod(const std::string& name_space, const std::string& name, const std::string& uid,
                       const std::map<std::string, std::string>& side_inputs) {
  return {{"version", 1},
          {"job", {{"namespace", name_space}, {"name", name}, {"uid", uid}}},
          {kPodSideInputs, side_inputs}};
}

std::vector<std::string> put_back_withheld(json& spec, const json& withheld, const json& manifest) {
  for (const auto& [text, digest] : withheld.items()) {
    const json::json_pointer pointer(text);
    const json* there = text_in(manifest, pointer);
    if (there == nullptr || !spec.contains(pointer)) continue;
    if (digest == digest_of(there->get<std::string>())) spec.at(pointer) = *there;
  }
  return still_withheld(spec, withheld);
}

std::vector<std::string> still_withheld(const json& spec, const json& withheld) {
  std::vector<std::string> places;
  for (const auto& [text, digest] : withheld.items()) {
    const json::json_pointer pointer(text);
    const json* there = text_in(spec, pointer);
    if (there != nullptr && *there == kWithheld) places.push_back(path_of(pointer));
  }
  return places;
}

json settings_of_items(const json& settings) {
  json left = settings;
  if (!left.is_object()) return left;
  for (const char* name : kNotOfItems) left.erase(name);
  if (const auto output = left.find("output"); output != left.end() && output->is_object()) {
    output->erase("order");
    if (output->empty()) left.erase("output");
  }
  return left;
}

}  // namespace parallelrun
