// The fields of each message in their order on the wire; see runner/wire/fields.h. Internal to the room, and
// to tests that draw messages.
#pragma once

#include "runner/protocol/messages.h"
#include "runner/wire/fields.h"

namespace parallelrun {

// The last enumerator of each: a greater number is refused.
constexpr Directive last_of(Directive /*any*/) { return Directive::kAbort; }
constexpr LeaseKind last_of(LeaseKind /*any*/) { return LeaseKind::kInferTypes; }
constexpr Outcome last_of(Outcome /*any*/) { return Outcome::kUndecided; }
constexpr ErrorPhase last_of(ErrorPhase /*any*/) { return ErrorPhase::kShutdown; }

void fields(auto& visit, wire::Is<RegisterRequest> auto& m) {
  visit(m.protocol);  // first in every version, and the only one that means the same in all
  visit(m.agent_name);
  visit(m.node);
  visit(m.slots);
  visit(m.code_hash);
  visit(m.predecessor_end);
  visit(m.fetched_side_inputs);
}

void fields(auto& visit, wire::Is<RegisterReply> auto& m) {
  visit(m.session);
  visit(m.epoch);
  visit(m.heartbeat);
  visit(m.session_timeout);
  visit(m.job);
}

void fields(auto& visit, wire::Is<WorkId> auto& m) {
  visit(m.mini_batch.value);
  visit(m.part);
}

void fields(auto& visit, wire::Is<InputInfo> auto& m) {
  visit(m.input);
  visit(m.types);
}

void fields(auto& visit, wire::Is<Lease> auto& m) {
  visit(m.kind);
  visit(m.attempt);
  visit(m.seal);
  visit(m.work);
  visit(m.input);
  visit(m.items);
  visit(m.try_number);
  visit(m.fresh_process);
  visit(m.descriptor);
}

void fields(auto& visit, wire::Is<LeaseRequest> auto& m) {
  visit(m.session);
  visit(m.sequence);
  visit(m.want);
}

void fields(auto& visit, wire::Is<LeaseReply> auto& m) {
  visit(m.directive);
  visit(m.input_infos);
  visit(m.leases);
  visit(m.revoked);
}

void fields(auto& visit, wire::Is<ScriptError> auto& m) {
  visit(m.phase);
  visit(m.type);
  visit(m.message);
  visit(m.traceback);
}

void fields(auto& visit, wire::Is<AttemptResult> auto& m) {
  visit(m.kind);
  visit(m.attempt);
  visit(m.seal);
  visit(m.work);
  visit(m.outcome);
  visit(m.items);
  visit(m.returned);
  visit(m.rows);
  visit(m.error);
  visit(m.process);
  visit(m.pid);
  visit(m.started_unix_us);
  visit(m.duration_us);
  visit(m.process_time_us);
  visit(m.run_us);
}

void fields(auto& visit, wire::Is<LogChunk> auto& m) {
  visit(m.path);
  visit(m.bytes);
}

void fields(auto& visit, wire::Is<ProcessFailure> auto& m) {
  visit(m.process);
  visit(m.pid);
  visit(m.error);
  visit(m.fatal);
}

void fields(auto& visit, wire::Is<ReportRequest> auto& m) {
  visit(m.session);
  visit(m.sequence);
  visit(m.results);
  visit(m.logs);
  visit(m.failures);
  visit(m.processes_ready);
  visit(m.inits_succeeded);
  visit(m.slots_given_up);
  visit(m.leaving);
  visit(m.inside);
}

void fields(auto& visit, wire::Is<ReportReply> auto& m) { visit(m.directive); }

}  // namespace parallelrun
