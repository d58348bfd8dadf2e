#include "common/json/members.h"

namespace parallelrun {
namespace {

using nlohmann::json;

const json& member_at(const json& value, const char* name) {
  static const json kNothing;
  const auto found = value.find(name);  // the end, too, of what is no object
  return found == value.end() ? kNothing : *found;
}

}  // namespace

const json& object_at(const json& value, const char* name) {
  static const json kEmpty = json::object();
  const json& member = member_at(value, name);
  return member.is_object() ? member : kEmpty;
}

std::string text_at(const json& value, const char* name) {
  const json& member = member_at(value, name);
  return member.is_string() ? member.get<std::string>() : std::string();
}

std::optional<std::int64_t> number_at(const json& value, const char* name) {
  const json& member = member_at(value, name);
  return member.is_number_integer() ? std::optional(member.get<std::int64_t>()) : std::nullopt;
}

std::uint64_t count_at(const json& value, const char* name) {
  const json& member = member_at(value, name);
  return member.is_number_unsigned() ? member.get<std::uint64_t>() : 0;
}

}  // namespace parallelrun
