#include "tests/simulation/simulated_agent.h"

#include <string_view>

#include "spdlog/fmt/fmt.h"

namespace parallelrun::simulation {
namespace {

constexpr const char* kTypesVersion = "version ";

}  // namespace

std::string version_of(const std::string& types) {
  const std::size_t at = types.find(kTypesVersion);
  if (at == std::string::npos) return "?";
  const std::size_t begin = at + std::string_view(kTypesVersion).size();
  return types.substr(begin, types.find('"', begin) - begin);
}

AttemptResult outcome_of(const Lease& lease, const std::string& types, const AgentWorld& world, Dice& dice) {
  AttemptResult result;
  result.kind = lease.kind;
  result.attempt = lease.attempt;
  result.seal = lease.seal;
  result.work = lease.work;
  result.items = lease.items;
  if (lease.kind == LeaseKind::kInferTypes) {
    // No two inferences need agree: so it shows which one a row was read under.
    result.rows = fmt::format(R"({{"types": {{"a": "{}{:x}"}}}})", kTypesVersion, lease.attempt);
    if (world.inference_fails() || dice.chance(0.1)) {
      result.outcome = Outcome::kFailed;
      result.error = {ErrorPhase::kRead, "ValueError", "no types", "Traceback"};
    }
    return result;
  }
  const Nature nature = world.nature(lease.work);
  if (nature.poisoned || (nature.flaky && dice.chance(0.4))) {
    result.outcome = dice.chance(0.3) ? Outcome::kDied : Outcome::kFailed;
    result.error = {ErrorPhase::kRun, "ValueError", "poisoned", "Traceback"};
    return result;
  }
  result.returned = nature.is_short && lease.items > 1 ? lease.items - 1 : lease.items;
  for (std::uint64_t i = 0; i < result.returned; ++i) {
    result.rows +=
        fmt::format("{} {} {} {} {}\n", to_string(lease.work), lease.descriptor, i, lease.attempt, types);
  }
  return result;
}

}  // namespace parallelrun::simulation
