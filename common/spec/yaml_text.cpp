#include "common/spec/yaml_text.h"

#include <yaml-cpp/yaml.h>

namespace parallelrun {
namespace {

using nlohmann::ordered_json;

void emit(YAML::Emitter& out, const ordered_json& value) {
  switch (value.type()) {
    case ordered_json::value_t::object:
      out << YAML::BeginMap;
      for (const auto& [key, member] : value.items()) {
        out << YAML::Key << key << YAML::Value;
        emit(out, member);
      }
      out << YAML::EndMap;
      break;
    case ordered_json::value_t::array:
      out << YAML::BeginSeq;
      for (const ordered_json& item : value) emit(out, item);
      out << YAML::EndSeq;
      break;
    case ordered_json::value_t::string:
      out << YAML::DoubleQuoted << value.get<std::string>();
      break;
    case ordered_json::value_t::null:
      out << YAML::Null;
      break;
    default:
      out << value.dump();
  }
}

}  // namespace

std::string yaml_text(const ordered_json& document) {
  YAML::Emitter out;
  out.SetOutputCharset(YAML::EscapeNonAscii);
  emit(out, document);
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace parallelrun
