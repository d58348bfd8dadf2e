// What orchestrator and agent say to each other: HTTP POST with bodies in the wire format, the same over
// a Unix socket on one machine and over mutual TLS between pods.
//
//   POST /v1/register  RegisterRequest -> RegisterReply
//   POST /v1/lease     LeaseRequest    -> LeaseReply   parked up to kLeasePoll while there is nothing to give
//   POST /v1/report    ReportRequest   -> ReportReply  answered when what it brings is durable; the heartbeat
//
// An agent keeps at most one lease request and one report request in flight. Both carry a sequence
// number that grows by one; a request that is sent again carries the same number and gets the same
// answer, so a lost reply loses nothing. Any request of a session renews all of its leases.
// Each request says in its header which agent speaks, and proves it (caller.h): that is looked at before a
// byte of the body is read. The number of a session is random, and its requests count from its agent alone.
// HTTP status: 200; 400 for bytes that do not decode; 403 for an agent that does not prove what it says,
// or may not do it; 409 for a session that has ended (register anew); 413 for a body that is too large;
// 426 for another protocol version; 503 for what may be tried again.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/plan/column_types.h"
#include "runner/plan/work_id.h"
#include "runner/progress/script_error.h"

namespace parallelrun {

inline constexpr std::uint32_t kProtocolVersion = 3;
inline constexpr std::chrono::milliseconds kLeasePoll{10'000};

// What the orchestrator wants of an agent from now on.
enum class Directive : std::uint8_t {
  kRun = 0,
  kDrain = 1,  // no more work will come: finish, call shutdown(), report, leave
  kAbort = 2,  // kill running tries, report logs, leave
};

struct RegisterRequest {
  std::uint32_t protocol = kProtocolVersion;
  std::string agent_name;            // stable for the job: "agent000", or the pod's name
  std::string node;                  // IP address; names the folders of the log tree
  std::uint32_t slots = 0;           // worker processes; 0: as many as the job says [process_count_per_node]
  std::string code_hash;             // of the source directory this agent sees; empty: not checked
  std::string predecessor_end = {};  // how the last process or pod of this name ended; empty: not known
  // What it has fetched of side inputs that lie in stores, as fetched_digest() says it; empty: not known, or
  // none is fetched here.
  std::string fetched_side_inputs = {};
};

struct RegisterReply {
  std::uint64_t session = 0;
  std::uint64_t epoch = 0;                       // of the orchestrator
  std::chrono::milliseconds heartbeat{2'000};    // report at least this often
  std::chrono::milliseconds session_timeout{0};  // silence for longer ends the session and frees its leases
  std::string job;                               // ResolvedJob as JSON
};

enum class LeaseKind : std::uint8_t {
  kRun = 0,
  kInferTypes = 1,  // not a mini-batch: read a sample and report column types as JSON in Result::rows
};

struct Lease {
  LeaseKind kind = LeaseKind::kRun;
  std::uint64_t attempt = 0;  // unique in the job's life: epoch and counter; names this try
  std::uint64_t seal = 0;     // proves with the result that the lease was given to this agent
  WorkId work;
  std::uint32_t input = 0;
  std::uint64_t items = 0;
  std::uint32_t try_number = 1;  // from 1 to runMaxTry
  bool fresh_process = false;    // only a worker process that has run no mini-batch yet may run it
  std::string descriptor;        // bytes that the worker process understands; see MiniBatch::descriptor
};

struct LeaseRequest {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  std::uint32_t want = 0;  // mini-batches
};

struct LeaseReply {
  Directive directive = Directive::kRun;
  std::vector<InputInfo> input_infos;  // each sent to a session once, before the first lease that needs it
  std::vector<Lease> leases;
  std::vector<std::uint64_t> revoked;  // attempts this agent holds and shall drop or kill
};

enum class Outcome : std::uint8_t {
  kSucceeded = 0,
  kFailed = 1,    // run raised, or the data could not be read, or the result had a wrong type: costs a try
  kTimedOut = 2,  // costs a try
  kDied = 3,      // the process ended by itself: costs a try
  kReturned = 4,  // handed back unstarted or stopped by us: costs nothing
  // The data does not fit what the spec or the input says of it: no other try follows, it could not succeed.
  kFailedForGood = 5,
  // It has values in columns that had none in the sample. `rows` holds their types, JSON {"types": {...}}:
  // they become those of the input, and the mini-batch is read again. Costs nothing.
  kUndecided = 6,
};

struct AttemptResult {
  LeaseKind kind = LeaseKind::kRun;
  std::uint64_t attempt = 0;
  std::uint64_t seal = 0;  // of its lease
  WorkId work;
  Outcome outcome = Outcome::kSucceeded;
  std::uint64_t items = 0;     // of the mini-batch
  std::uint64_t returned = 0;  // elements that run() returned
  std::string rows;            // append_row: whole rows, as a RowEncoder makes them
  ScriptError error;           // when not kSucceeded
  std::string process;         // "process000"
  std::uint64_t pid = 0;
  std::int64_t started_unix_us = 0;   // of what is handed back: run() was at work; 0: it was not begun
  std::uint64_t duration_us = 0;      // from pick-up to result, loading included
  std::uint64_t process_time_us = 0;  // CPU of the process in that time
  std::uint64_t run_us = 0;           // inside run() alone
};

// Bytes for a file below `logs/`, in the order they shall be appended.
struct LogChunk {
  std::string path;  // relative to logs/, checked by the orchestrator
  std::string bytes;
};

// An error outside any mini-batch: load, init, shutdown, environment.
struct ProcessFailure {
  std::string process;
  std::uint64_t pid = 0;
  ScriptError error;
  bool fatal = false;  // no try can help: the script does not import, the requirements do not install
};

struct ReportRequest {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  std::vector<AttemptResult> results;
  std::vector<LogChunk> logs;
  std::vector<ProcessFailure> failures;
  std::uint32_t processes_ready = 0;       // initialized and alive now
  std::uint32_t inits_succeeded = 0;       // since the agent started
  std::uint32_t slots_given_up = 0;        // slots whose init failed 3 times without one success
  bool leaving = false;                    // the last report: the session ends, leases not reported go back
  std::vector<std::uint64_t> inside = {};  // attempts that are inside run() now
};

struct ReportReply {
  Directive directive = Directive::kRun;
};

std::string encode(const RegisterRequest& m);
std::string encode(const RegisterReply& m);
std::string encode(const LeaseRequest& m);
std::string encode(const LeaseReply& m);
std::string encode(const ReportRequest& m);
std::string encode(const ReportReply& m);

// Errors: kCorrupt (truncated, trailing bytes, an enum out of range). decode_register_request gives
// kUnsupported for another protocol version, whatever follows it.
Result<RegisterRequest> decode_register_request(std::string_view body);
Result<RegisterReply> decode_register_reply(std::string_view body);
Result<LeaseRequest> decode_lease_request(std::string_view body);
Result<LeaseReply> decode_lease_reply(std::string_view body);
Result<ReportRequest> decode_report_request(std::string_view body);
Result<ReportReply> decode_report_reply(std::string_view body);

}  // namespace parallelrun
