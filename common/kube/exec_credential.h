// Credentials that a program hands out (client.authentication.k8s.io/v1 and v1beta1), as kubeconfig files
// name them.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/kube/credential.h"
#include "common/kube/rfc3339.h"

namespace parallelrun::kube {

struct ExecPlugin {
  std::string origin;  // names it in messages: file and field
  std::string api_version;
  std::string command;  // with a '/': that file; else looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // NAME=VALUE, all of it but KUBERNETES_EXEC_INFO
  std::string install_hint;              // for whoever does not have the program
  nlohmann::json cluster;                // `spec.cluster` of the question; null: not asked for
  std::chrono::milliseconds time_limit = std::chrono::minutes(1);
};

// What a program of a credential answers.
struct ExecAnswer {
  Credential credential;
  std::optional<WallTime> expires;
};

// Reads what the program of `plugin` wrote. Errors: kInvalidArgument, naming the program and the field. Pure.
Result<ExecAnswer> read_exec_answer(const ExecPlugin& plugin, const std::string& output);

// Runs the program when there is no credential yet, when the last one has expired (or will within seconds),
// and after a 401. `current` blocks for as long as it runs; other threads wait for it.
class ExecCredential final : public CredentialSource {
 public:
  using WallClock = std::function<WallTime()>;

  ExecCredential(ExecPlugin plugin, WallClock wall_clock);
  Result<Credential> current(Time now) override;
  void rejected() override;

 private:
  Result<ExecAnswer> ask() const;

  const ExecPlugin plugin_;
  const WallClock wall_clock_;
  std::mutex mutex_;
  std::optional<Credential> last_;
  std::optional<Time> valid_until_;  // none: until it is rejected
};

}  // namespace parallelrun::kube
