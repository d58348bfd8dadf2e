#include "common/kube/kubeconfig_file.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cstdint>
#include <utility>

#include "common/spec/utf8.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

constexpr int kDeepestNode = 64;
// More than any file of people or programs has; aliases of aliases multiply without end.
constexpr std::size_t kMostNodes = 200'000;

// Thrown and caught in this file only, as yaml-cpp's own exceptions are.
struct Refused : std::exception {
  explicit Refused(std::string broken) : rule(std::move(broken)) {}
  std::string rule;
};

// What is shown, sent or written later is JSON, which is UTF-8. (A whole file in UTF-16 has been converted.)
std::string checked_text(std::string text, const YAML::Mark& mark) {
  if (!is_utf8(text)) throw Refused("line " + std::to_string(mark.line + 1) + ": not UTF-8");
  return text;
}

json scalar_of(const YAML::Node& node) {
  std::string text = checked_text(node.Scalar(), node.Mark());
  if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return text;  // quoted
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc() && read.ptr == end) {
    return whole;
  }
  double fraction = 0;
  const bool digits = text.find_first_of("0123456789") != std::string::npos;
  if (const auto read = std::from_chars(text.data(), end, fraction);
      digits && read.ec == std::errc() && read.ptr == end) {
    return fraction;
  }
  return text;
}

json json_of(const YAML::Node& node, int depth, std::size_t& nodes) {
  if (depth > kDeepestNode) throw Refused("nested more than " + std::to_string(kDeepestNode) + " deep");
  if (++nodes > kMostNodes) {
    throw Refused("has more than " + std::to_string(kMostNodes) + " values with its aliases written out");
  }
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return scalar_of(node);
    case YAML::NodeType::Sequence: {
      json list = json::array();
      for (const auto& item : node) list.push_back(json_of(item, depth + 1, nodes));
      return list;
    }
    case YAML::NodeType::Map: {
      json map = json::object();
      for (const auto& item : node) {
        map[checked_text(item.first.as<std::string>(), item.first.Mark())] =
            json_of(item.second, depth + 1, nodes);
      }
      return map;
    }
    default:
      return nullptr;
  }
}

Error refusal(const std::string& file, const std::string& problem) {
  return Error{ErrorCode::kInvalidArgument, file + ": " + problem, false};
}

// `plural` is a list of {name: ..., <singular>: {...}}.
Status add_entries(const json& root, const std::string& plural, const std::string& singular,
                   const std::string& file, std::map<std::string, KubeconfigEntry>& into) {
  const auto list = root.find(plural);
  if (list == root.end() || list->is_null()) return {};
  if (!list->is_array()) return refusal(file, plural + ": must be a list of entries with a name");
  std::map<std::string, KubeconfigEntry> own;
  for (const json& item : *list) {
    const auto name = item.is_object() ? item.find("name") : item.end();
    if (!item.is_object() || name == item.end() || !name->is_string()) {
      return refusal(file, plural + "[" + std::to_string(own.size()) +
                               "].name: must be text; quote it if it "
                               "looks like a number");
    }
    const auto text = name->get<std::string>();
    const std::string field = plural + "[" + text + "]." + singular;
    const auto fields = item.find(singular);
    const bool empty = fields == item.end() || fields->is_null();
    if (!empty && !fields->is_object()) return refusal(file, field + ": must be a map");
    if (!own.emplace(text, KubeconfigEntry{empty ? json::object() : *fields, file, field}).second) {
      return refusal(file, plural + "[" + text + "]: the name is used twice; rename or delete one of them");
    }
  }
  into.merge(own);
  return {};
}

Result<json> parse(const std::string& text, const std::string& file) {
  try {
    std::size_t nodes = 0;
    return json_of(YAML::Load(text), 0, nodes);
  } catch (const YAML::Exception& problem) {
    return refusal(file, "line " + std::to_string(problem.mark.line + 1) + ": not YAML: " + problem.msg);
  } catch (const Refused& problem) {
    return refusal(file, problem.rule);
  }
}

}  // namespace

Status add_kubeconfig(const std::string& text, const std::string& file, Kubeconfig& into) {
  const auto root = parse(text, file);
  if (!root.ok()) return root.error();
  into.files.push_back(file);
  if (root->is_null()) return {};  // an empty file
  const auto kind = root->is_object() ? root->find("kind") : root->end();
  if (!root->is_object() || (kind != root->end() && !kind->is_null() && *kind != "Config")) {
    return refusal(file, "not a kubeconfig file: a map with clusters, users and contexts, of kind Config");
  }
  for (const auto& status : {add_entries(*root, "clusters", "cluster", file, into.clusters),
                             add_entries(*root, "users", "user", file, into.users),
                             add_entries(*root, "contexts", "context", file, into.contexts)}) {
    if (!status.ok()) return status;
  }
  const auto current = root->find("current-context");
  if (current != root->end() && !current->is_null()) {
    if (!current->is_string()) return refusal(file, "current-context: must be text; quote it");
    if (into.current_context.empty()) into.current_context = current->get<std::string>();
  }
  return {};
}

}  // namespace parallelrun::kube
