// One row of the tables in field_table.cpp. Internal to common/spec.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/json/json.h"
#include "common/spec/fields.h"
#include "common/spec/job_spec.h"
#include "common/spec/manifest.h"
#include "common/spec/object_reader.h"

namespace parallelrun {

// What the readers of one manifest know beside the object that they read.
struct Reading {
  Place place = Place::kAnywhere;
  bool has_source_directory = false;
  nlohmann::json among_arguments = nlohmann::json::object();  // what options there say, by field
  std::optional<InputType> input_type;                        // where the inputs are sound
  std::set<std::string> names;                                // that items of the list have so far
};

// A size of memory as Kubernetes writes them, above 0; empty: none.
template <typename Owner>
struct Size {
  std::string Owner::* member;
};

// A field that only a cluster acts on, kept as it is in JobSpec::cluster. Lists and objects: not looked into.
enum class Verbatim : std::uint8_t { kBoolean, kSeconds, kText, kObject };

// A value with a structure or with rules that no column has: functions read and write it.
template <typename Owner>
struct Structure {
  std::string_view type;
  void (*read)(ObjectReader& reader, std::string_view key, Reading& reading, Owner& owner);
  // Sets out[key], or nothing where there is nothing to say.
  void (*write)(const Owner& owner, Identity least, std::string_view key, nlohmann::json& out);
  std::vector<FieldFacts> (*inside)() = nullptr;
};

// Words that will mean something one day.
struct NotYet {
  std::string_view words;  // separated by a space
  std::string_view instead;
};

// The API's integers are int32.
inline constexpr std::int64_t kHighestInt = 2147483647;

struct Bounds {
  std::int64_t lowest = 0;
  std::int64_t highest = kHighestInt;
  std::string_view lowest_means = {};  // where it is no number like the others: "no limit", "off"
};

template <typename Owner>
struct Field {
  using Value =
      std::variant<bool Owner::*, int Owner::*, std::int64_t Owner::*, std::optional<std::int64_t> Owner::*,
                   std::optional<double> Owner::*, std::chrono::seconds Owner::*,
                   std::optional<std::chrono::seconds> Owner::*, char Owner::*, std::optional<char> Owner::*,
                   std::string Owner::*, std::vector<std::string> Owner::*,
                   std::optional<std::vector<std::string>> Owner::*, InputType Owner::*, DataFormat Owner::*,
                   OutputAction Owner::*, OutputFormat Owner::*, OutputOrder Owner::*, LoggingLevel Owner::*,
                   Size<Owner>, Verbatim, Structure<Owner>>;

  std::string_view name;
  Value value;  // where it goes; the member's initialiser is the default
  Bounds bounds = {};
  std::string_view required = {};  // what to write, where it must be given
  // The default where it follows from other fields, which are above this one in the table.
  void (*follow)(Owner& owner) = nullptr;
  std::string_view otherwise = {};  // the default in words, where the member's initialiser does not say it
  // What the columns do not say; called with the value in its place.
  void (*check)(ObjectReader& reader, std::string_view key, Reading& reading, const Owner& owner) = nullptr;
  NotYet not_yet = {};
  FieldOf of = FieldOf::kAll;
  std::string_view option = {};  // among the arguments, which Azure ML's runner reads itself
  Identity identity = Identity::kNone;
  // Not written where it is the default: what was recorded of jobs before there was such a field goes on
  // being equal. A new field that identifies the job needs it.
  bool default_unwritten = false;
  std::string_view since = "0.1";
  std::string_view about = {};
};

}  // namespace parallelrun
