// Column types: as a process replies them, as they are stored. What is taken is an object of texts, and
// stored and read again it is the same.
#include <map>
#include <vector>

#include "common/json/json.h"
#include "runner/output/state_files.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/unit/output/memory_storage.h"

namespace parallelrun::orchestrator {
namespace {

void check_info(const InputInfo& info) {
  const nlohmann::json json = nlohmann::json::parse(info.types);
  HOLDS_ELSE(info.types, json.at("input") == info.input);
  for (const auto& type : json.at("types")) HOLDS_ELSE(info.types, type.is_string());
}

FUZZ_TARGET(types) {
  fuzz::Draw draw(bytes);
  const std::uint32_t input = draw.u8();
  const std::string text(draw.rest());
  MemoryStorage storage;
  const auto reply = input_info_of(input, text);
  if (reply) {
    check_info(*reply);
    HOLDS(reply->input == input);
    HOLDS(write_types(storage, {*reply}).ok());
    const auto again = read_types(storage);
    HOLDS(again.ok() && again->size() == 1 && again->at(input).types == reply->types);
  }

  storage.at(kTypesPath) = text;
  const auto stored = read_types(storage);
  if (!stored) {
    HOLDS(stored.error().code == ErrorCode::kCorrupt);
    return;
  }
  std::vector<InputInfo> all;
  for (const auto& [number, info] : *stored) {
    HOLDS(number == info.input);
    check_info(info);
    all.push_back(info);
  }
  HOLDS(write_types(storage, all).ok());
  const auto again = read_types(storage);
  HOLDS(again.ok() && again->size() == stored->size());
  for (const InputInfo& info : all) HOLDS(again->at(info.input).types == info.types);
}

}  // namespace
}  // namespace parallelrun::orchestrator
