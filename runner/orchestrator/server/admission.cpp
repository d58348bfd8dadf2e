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
        fmt::format("the request does not prove that it comes from agent {}: its token is not the token that "
                    "parallelrun run gave to that agent",
                    caller.agent));
  }
  if (caller.role != kWorkerRole) {
    return Error{
        ErrorCode::kConflict,
        fmt::format(
            "the certificate of '{}' has the role '{}', but an agent needs the certificate of a worker",
            caller.certified_name, caller.role),
        false};
  }
  if (caller.certified_name != caller.agent) {
    return Error{ErrorCode::kConflict,
                 fmt::format("the certificate belongs to '{}', so it cannot speak for agent {}",
                             caller.certified_name, caller.agent),
                 false};
  }
  if (caller.proof.size() < kShortestProof) {
    return unproven(fmt::format("agent {} sends no proof of its process", caller.agent));
  }
  return {};
}

}  // namespace parallelrun::orchestrator
