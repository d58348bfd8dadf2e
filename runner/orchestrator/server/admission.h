// Who may speak to the orchestrator, from what a connection and the header of a request prove. Pure.
#pragma once

#include <string>
#include <utility>

#include "common/result/result.h"
#include "runner/protocol/caller.h"

namespace parallelrun::orchestrator {

class Admission {
 public:
  // Everybody who reaches the endpoint: an orchestrator that was started by hand.
  static Admission open() { return Admission(Kind::kOpen, {}); }
  // Agents with a token that follows from `secret`, see machine_token.h.
  static Admission by_token(std::string secret) { return Admission(Kind::kToken, std::move(secret)); }
  // Agents whose certificate is a worker's and has their name.
  static Admission by_certificate() { return Admission(Kind::kCertificate, {}); }

  bool asks_for_proof() const { return kind_ != Kind::kOpen; }
  // Errors: kInvalidArgument (nothing is said, or it is not proven), kConflict (proven to be somebody else:
  // another name, another role).
  Status check(const Caller& caller) const;

 private:
  enum class Kind { kOpen, kToken, kCertificate };
  Admission(Kind kind, std::string secret) : kind_(kind), secret_(std::move(secret)) {}
  Kind kind_;
  std::string secret_;
};

}  // namespace parallelrun::orchestrator
