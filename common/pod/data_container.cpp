#include "common/pod/data_container.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "common/json/members.h"
#include "common/pod/pod_layout.h"

namespace parallelrun::pod {
namespace {

using nlohmann::json;

constexpr int kLookSeconds = 20;

constexpr std::array<std::string_view, 10> kPassedOn = {
    "HTTP_PROXY",  "HTTPS_PROXY", "NO_PROXY",  "ALL_PROXY",     "http_proxy",
    "https_proxy", "no_proxy",    "all_proxy", "SSL_CERT_FILE", "PARALLELRUN_STORE_PATIENCE"};

bool is_passed_on(const std::string& name) {
  return std::find(kPassedOn.begin(), kPassedOn.end(), name) != kPassedOn.end();
}

}  // namespace

json data_environment(const JobSpec& spec, const std::optional<std::uint64_t>& cache_size) {
  // Nobody but this container writes there.
  json env =
      json::array({{{"name", "HOME"}, {"value", kFetched}}, {{"name", "TMPDIR"}, {"value", kFetched}}});
  if (cache_size) env.push_back({{"name", "PARALLELRUN_CACHE_SIZE"}, {"value", std::to_string(*cache_size)}});
  for (const json& variable : spec.environment.env) {
    if (is_passed_on(text_at(variable, "name"))) env.push_back(variable);
  }
  // As for worker processes, these win.
  for (const auto& [name, value] : spec.environment.variables) {
    if (!is_passed_on(name)) continue;
    env.erase(std::remove_if(env.begin(), env.end(),
                             [&, &wanted = name](const json& one) { return text_at(one, "name") == wanted; }),
              env.end());
    // A kubelet takes $(NAME) for a variable; $$ stands for $.
    std::string literal;
    for (const char c : value) literal += c == '$' ? "$$" : std::string(1, c);
    env.push_back({{"name", name}, {"value", literal}});
  }
  return env;
}

json data_startup_probe(int most_looks) {
  return {
      {"exec",
       {{"command", json::array({kProgram, "pod-data", "--ready-within", std::to_string(kLookSeconds)})}}},
      {"periodSeconds", 1},
      {"timeoutSeconds", kLookSeconds + 10},
      {"failureThreshold", most_looks}};
}

}  // namespace parallelrun::pod
