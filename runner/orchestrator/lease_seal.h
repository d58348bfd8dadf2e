// What makes a lease its agent's own. A result counts only with the seal of the lease that it is of, and only
// in a session of the agent that the lease was given to: whoever can reach the orchestrator cannot bring rows
// for what was leased to somebody else. Nothing is remembered, so a restarted orchestrator with the same key
// knows the leases of its predecessor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/hash/siphash.h"
#include "runner/protocol/messages.h"
#include "runner/wire/wire.h"

namespace parallelrun::orchestrator {

inline std::uint64_t seal_of(const SipKey& key, std::string_view agent, LeaseKind kind, std::uint64_t attempt,
                             WorkId work) {
  std::string bytes;
  bytes.reserve(21 + agent.size());
  wire::Writer out(bytes);
  out.u8(static_cast<std::uint8_t>(kind));
  out.u64(attempt);
  out.u64(work.mini_batch.value);
  out.u32(work.part);
  bytes.append(agent);
  return siphash(key, bytes);
}

}  // namespace parallelrun::orchestrator
