#include "common/spec/fields.h"

#include <fmt/format.h>

#include "common/spec/field_table.h"
#include "common/spec/field_writer.h"
#include "common/spec/read_spec.h"
#include "common/spec/words.h"

namespace parallelrun {
namespace {

using nlohmann::json;

template <typename Owner>
class TypeOf {
 public:
  TypeOf(const Bounds& bounds, FieldFacts& facts) : bounds_(bounds), facts_(facts) {}

  void operator()(bool Owner::*) { facts_.type = "boolean"; }
  void operator()(int Owner::*) { number("integer"); }
  void operator()(std::int64_t Owner::*) { number("integer"); }
  void operator()(std::optional<std::int64_t> Owner::*) { number("integer"); }
  void operator()(std::optional<double> Owner::*) { number("number"); }
  void operator()(std::chrono::seconds Owner::*) { number("seconds"); }
  void operator()(std::optional<std::chrono::seconds> Owner::*) { number("seconds"); }
  void operator()(char Owner::*) { facts_.type = "character"; }
  void operator()(std::optional<char> Owner::*) { facts_.type = "character or nothing"; }
  void operator()(std::string Owner::*) { facts_.type = "string"; }
  void operator()(std::vector<std::string> Owner::*) { facts_.type = "strings"; }
  void operator()(std::optional<std::vector<std::string>> Owner::*) { facts_.type = "strings"; }
  void operator()(InputType Owner::*) { word(input_types()); }
  void operator()(DataFormat Owner::*) { word(data_formats()); }
  void operator()(OutputAction Owner::*) { word(output_actions()); }
  void operator()(OutputFormat Owner::*) { word(output_formats()); }
  void operator()(OutputOrder Owner::*) { word(output_orders()); }
  void operator()(LoggingLevel Owner::*) { word(logging_levels()); }
  void operator()(Size<Owner>) { facts_.type = "size"; }
  void operator()(Verbatim kind) {
    switch (kind) {
      case Verbatim::kBoolean:
        facts_.type = "boolean";
        break;
      case Verbatim::kSeconds:
        number("seconds");
        break;
      case Verbatim::kText:
        facts_.type = "string";
        break;
      case Verbatim::kObject:
        facts_.type = "object";
        break;
    }
  }
  void operator()(const Structure<Owner>& structure) { facts_.type = structure.type; }

 private:
  void number(const char* type) {
    facts_.type = type;
    facts_.lowest = bounds_.lowest;
    facts_.highest = bounds_.highest;
  }
  template <typename Enum>
  void word(Words<Enum> words) {
    facts_.type = "word";
    for (const auto& [name, value] : words) facts_.words.push_back(name);
  }

  const Bounds& bounds_;
  FieldFacts& facts_;
};

template <typename Owner>
FieldFacts facts_of(const Field<Owner>& field) {
  FieldFacts facts;
  facts.path = field.name;
  std::visit(TypeOf<Owner>(field.bounds, facts), field.value);
  facts.required = !field.required.empty();
  facts.otherwise_in_words = field.otherwise;
  const bool structured = std::holds_alternative<Structure<Owner>>(field.value);
  if (!facts.required && !structured && field.otherwise.empty()) {
    const json defaults = written(field, Identity::kNone, Owner{});
    if (const auto found = defaults.find(field.name); found != defaults.end()) facts.otherwise = *found;
  }
  facts.identity = field.identity;
  facts.since = field.since;
  facts.of = field.of;
  facts.option = field.option;
  facts.about = field.about;
  return facts;
}

template <typename Owner>
std::vector<FieldFacts> facts_of_all(std::span<const Field<Owner>> fields) {
  std::vector<FieldFacts> all;
  for (const Field<Owner>& field : fields) all.push_back(facts_of(field));
  return all;
}

std::string_view to_string(Identity identity) {
  switch (identity) {
    case Identity::kNone:
      return "none";
    case Identity::kStart:
      return "start";
    case Identity::kJob:
      break;
  }
  return "job";
}

std::string_view to_string(FieldOf of) {
  switch (of) {
    case FieldOf::kAll:
      return "all";
    case FieldOf::kTabular:
      return "tabular";
    case FieldOf::kCsv:
      break;
  }
  return "csv";
}

}  // namespace

std::vector<FieldFacts> facts_inside_inputs() { return facts_of_all(fields_of_input()); }
std::vector<FieldFacts> facts_inside_side_inputs() { return facts_of_all(fields_of_side_input()); }
std::vector<FieldFacts> facts_inside_output() { return facts_of_all(fields_of_output()); }
std::vector<FieldFacts> facts_inside_environment() { return facts_of_all(fields_of_environment()); }

std::vector<FieldFacts> fields_of_spec() {
  std::vector<FieldFacts> all;
  for (const Field<JobSpec>& field : fields_of_job()) {
    all.push_back(facts_of(field));
    const auto* structure = std::get_if<Structure<JobSpec>>(&field.value);
    if (structure == nullptr || structure->inside == nullptr) continue;
    const std::string before = std::string(field.name) + (structure->type == "list" ? "[]." : ".");
    for (FieldFacts& inside : structure->inside()) {
      inside.path.insert(0, before);
      all.push_back(std::move(inside));
    }
  }
  return all;
}

json to_json(const FieldFacts& facts) {
  json out = {{"path", facts.path},         {"type", facts.type},
              {"required", facts.required}, {"identity", to_string(facts.identity)},
              {"since", facts.since},       {"of", to_string(facts.of)},
              {"about", facts.about}};
  if (facts.lowest) out["lowest"] = *facts.lowest;
  if (facts.highest) out["highest"] = *facts.highest;
  if (!facts.words.empty()) out["words"] = facts.words;
  if (!facts.otherwise.is_null()) out["default"] = facts.otherwise;
  if (!facts.otherwise_in_words.empty()) out["defaultInWords"] = facts.otherwise_in_words;
  if (!facts.option.empty()) out["option"] = facts.option;
  return out;
}

}  // namespace parallelrun
