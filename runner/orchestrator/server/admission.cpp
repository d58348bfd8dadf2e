#include "runner/orchestrator/server/admission.h"

#include "runner/protocol/machine_token.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

constexpr const char* kWorkerRole = "worker";
constexpr std::size_t kShortestProof = 32;

Status unproven(std::string message) { return Error{ErrorCode::kInvalidArgument, std::move(message), false}; }

}  // namespace

Status Admission::check(const Caller& caller) const {
  if (kind_ == Kind::kOpen) return {};
  if (caller.agent.empty()) return unproven("the request does not say which agent sends it");
  if (kind_ == Kind::kToken) {
    if (same_token(caller.proof, token_of_agent(secret_, caller.agent))) return {};
    return unproven(
        fmt::format("the request does not prove that it is from agent {}: its token is not "
                    "the one that parallelrun run has given to that agent",
                    caller.agent));
  }
  if (caller.role != kWorkerRole) {
    return Error{
        ErrorCode::kConflict,
        fmt::format("the certificate of '{}' has the role '{}', and only a worker's may speak as an agent",
                    caller.certified_name, caller.role),
        false};
  }
  if (caller.certified_name != caller.agent) {
    return Error{ErrorCode::kConflict,
                 fmt::format("the certificate is that of '{}', which cannot speak as agent {}",
                             caller.certified_name, caller.agent),
                 false};
  }
  if (caller.proof.size() < kShortestProof) {
    return unproven(fmt::format("agent {} sends no proof of its process", caller.agent));
  }
  return {};
}

}  // namespace parallelrun::orchestrator
