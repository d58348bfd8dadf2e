// The fields of a manifest's `spec` as facts: what field_table.cpp, where they are listed, says of each.
// Documentation, the test of the resource's schema and the identity of a job are made of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "common/spec/job_spec.h"

namespace parallelrun {

// What a change of the field does to a job that has started.
enum class Identity : std::uint8_t {
  kNone,   // nothing: it may change at any time
  kStart,  // a cluster refuses it; on one machine the job goes on
  kJob,    // it makes another job
};

// Which inputs have the field.
enum class FieldOf : std::uint8_t { kAll, kTabular, kCsv };

struct FieldFacts {
  std::string path;  // below spec: "nodeCount", "inputs[].glob"
  // boolean, integer, seconds, number, string, word, character, character or nothing, size, strings; of what
  // has a structure: source, object, list, map, or words of its own
  std::string type;
  std::optional<std::int64_t> lowest;  // of numbers
  std::optional<std::int64_t> highest;
  std::vector<std::string> words;  // of a word, all that it may be
  nlohmann::json otherwise;        // the default; null where there is none, or none that is the same for all
  std::string otherwise_in_words;  // "3 x `runInvocationTimeout` + 30"; may be empty
  bool required = false;
  Identity identity = Identity::kNone;
  std::string since;  // the version of this project that had it first
  FieldOf of = FieldOf::kAll;
  std::string option;  // that may stand for it among the arguments [--error_threshold]; empty: none
  std::string about;   // for people, in Markdown
};

// In the order of the tables, each one before those inside it.
std::vector<FieldFacts> fields_of_spec();

nlohmann::json to_json(const FieldFacts& facts);

// What to_json(job) says of the fields that are at least so much a part of the job's identity.
nlohmann::json identifying_fields(const JobSpec& job, Identity least);

}  // namespace parallelrun
