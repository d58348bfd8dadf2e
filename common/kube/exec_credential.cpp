#include "common/kube/exec_credential.h"

#include <algorithm>
#include <utility>

#include "common/json/members.h"
#include "common/kube/pem_check.h"
#include "common/posix/program_run.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

// A credential that expires while its request is on the way is refused by the server.
constexpr Duration kMargin = std::chrono::seconds(10);

std::string quoted_tail(std::string errors) {
  errors.erase(errors.find_last_not_of(" \t\r\n") + 1);
  return errors.empty() ? std::string() : "; it wrote: " + errors;
}

}  // namespace

Result<ExecAnswer> read_exec_answer(const ExecPlugin& plugin, const std::string& output) {
  const auto bad = [&](const std::string& problem) {
    return Error{ErrorCode::kInvalidArgument,
                 plugin.origin + ": the output of \"" + plugin.command + "\" " + problem, false};
  };
  const json document = json::parse(output, nullptr, false);
  if (!document.is_object() || text_at(document, "kind") != "ExecCredential") {
    return bad("is not an ExecCredential in JSON");
  }
  if (text_at(document, "apiVersion") != plugin.api_version) {
    return bad("has apiVersion \"" + text_at(document, "apiVersion") + "\", but exec.apiVersion asks for \"" +
               plugin.api_version + "\"; make them the same");
  }
  const auto status = document.find("status");
  if (status == document.end() || !status->is_object()) return bad("has no status");
  ExecAnswer answer;
  answer.credential = {text_at(*status, "token"), text_at(*status, "clientCertificateData"),
                       text_at(*status, "clientKeyData")};
  if (answer.credential.certificate_pem.empty() != answer.credential.key_pem.empty()) {
    return bad("has only one of status.clientCertificateData and status.clientKeyData");
  }
  if (answer.credential == Credential{}) {
    return bad("has neither status.token nor status.clientCertificateData");
  }
  if (!answer.credential.certificate_pem.empty()) {
    const auto pair = check_client_pair(answer.credential.certificate_pem, "status.clientCertificateData",
                                        answer.credential.key_pem, "status.clientKeyData");
    if (!pair.ok()) return bad("cannot be used: " + pair.error().message);
  }
  const auto expires = status->find("expirationTimestamp");
  if (expires != status->end() && !expires->is_null()) {
    if (expires->is_string()) answer.expires = parse_rfc3339(expires->get<std::string>());
    if (!answer.expires) {
      return bad("has status.expirationTimestamp " + expires->dump() +
                 ", which is not a time such as \"2026-01-31T12:00:00Z\"");
    }
  }
  return answer;
}

ExecCredential::ExecCredential(ExecPlugin plugin, WallClock wall_clock)
    : plugin_(std::move(plugin)), wall_clock_(std::move(wall_clock)) {}

Result<Credential> ExecCredential::current(Time now) {
  const std::lock_guard lock(mutex_);
  if (last_ && (!valid_until_ || now < *valid_until_)) return *last_;
  auto answer = ask();
  if (!answer.ok()) return answer.error();
  last_ = std::move(answer->credential);
  valid_until_.reset();
  if (answer->expires) {
    const Duration left = std::max(Duration(0), *answer->expires - wall_clock_());
    // Half of a short life at most, lest the program runs for every request.
    valid_until_ = now + (left - std::min(kMargin, left / 2));
  }
  return *last_;
}

void ExecCredential::rejected() {
  const std::lock_guard lock(mutex_);
  last_.reset();
}

Result<ExecAnswer> ExecCredential::ask() const {
  json question = {
      {"apiVersion", plugin_.api_version}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
  if (!plugin_.cluster.is_null()) question["spec"]["cluster"] = plugin_.cluster;
  ProgramRun run;
  run.program = plugin_.command;
  run.arguments = plugin_.arguments;
  run.environment = plugin_.environment;
  run.environment.push_back("KUBERNETES_EXEC_INFO=" + question.dump());
  run.time_limit = plugin_.time_limit;
  const auto outcome = run_program(run);
  if (!outcome.ok()) {
    const bool missing = outcome.error().code == ErrorCode::kNotFound;
    const std::string hint =
        plugin_.install_hint.empty() ? "install that program or correct exec.command" : plugin_.install_hint;
    return Error{outcome.error().code,
                 plugin_.origin + ": " + outcome.error().message + (missing ? "; " + hint : ""),
                 outcome.error().retryable};
  }
  if (outcome->exit_code != 0) {
    return Error{ErrorCode::kUnavailable,
                 plugin_.origin + ": \"" + plugin_.command + "\" ended with exit code " +
                     std::to_string(outcome->exit_code) + quoted_tail(outcome->errors),
                 true};
  }
  return read_exec_answer(plugin_, outcome->output);
}

}  // namespace parallelrun::kube
