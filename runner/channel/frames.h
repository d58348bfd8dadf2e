// What the agent and a worker process say to each other over an inherited stream socket pair, and the
// page of shared memory in which the process stamps what it is doing. Python's side of the same format:
// runner/python/parallelrun_worker/frames.py.
//
// A frame is u32 length | u8 type | payload (`length` counts the payload alone), integers little-endian.
// The agent may send several kRun frames ahead; the process works them off in order and may send several
// results in one write, but keeps none back for longer than a millisecond of work.
#pragma once

#include <cstdint>

namespace parallelrun::channel {

enum class Frame : std::uint8_t {
  // agent -> process
  kConfig = 1,      // JSON, once and first: see docs/architecture.md, "Worker processes"
  kInputInfo = 2,   // JSON {"input": 0, "types": {"column": "int64", ...}}
  kRun = 3,         // u64 task | u64 mini_batch | u32 input | rest: descriptor (runner/input)
  kInferTypes = 4,  // u64 task | u32 input | u32 count | count x bytes descriptor
  kShutdown = 5,    // empty: call shutdown(), say kBye, exit 0

  // process -> agent
  kReady = 16,       // JSON {"pid":, "python": "3.11.2", "init_seconds":}: init() has returned
  kInitFailed = 17,  // JSON error {"phase": "load"|"init", "type":, "message":, "traceback":}; then exit 1
  kResult = 18,      // Timing | u64 items | u64 returned | rest: rows (append_row), each line ended by '\n'
  // Timing | u64 items | JSON error {"phase": "read"|"run"|"result", ...}; with "permanent": true where
  // another try could not succeed, with "undecided": {column: type} where columns that had no value in the
  // sample have some.
  kFailed = 19,
  kTypes = 20,    // u64 task | JSON {"types": {...}} or {"error": {...}}
  kBye = 21,      // JSON {} or {"error": {"phase": "shutdown", ...}}
  kSkipped = 22,  // u64 task: it was taken back (Stamp::taken_back) and has not been begun
};
// Timing = u64 task | i64 started_unix_us | u64 duration_us | u64 process_time_us | u64 run_us

inline constexpr std::uint32_t kHeaderBytes = 5;
inline constexpr std::uint32_t kMaxFrameBytes = 1U << 30U;

// File descriptors that the process inherits; it marks them close-on-exec at once.
inline constexpr int kChannelFd = 3;
inline constexpr int kEntryLogFd = 4;  // pipe: what EntryScript's logger writes
inline constexpr int kStampFd = 5;     // memfd of one page, mapped shared
inline constexpr int kMetricsFd = 6;   // SOCK_SEQPACKET: what Run.log says, one line of JSON a message

// kCut: the task, as the last word, left the process without its channel (descriptor 3 closed or replaced).
// Before kReady: kIdle until the entry script is imported, kLoading while it is, kInit in init().
enum class Phase : std::uint64_t { kIdle = 0, kLoading = 1, kInRun = 2, kFinishing = 3, kInit = 4, kCut = 5 };

// Never locked: each field is one aligned 8-byte store. The process writes all but the last, and the agent
// that one. The process stores since_ns before phase, phase=kLoading/kIdle before it changes task, and
// phase=kInRun last. Offsets in bytes.
struct Stamp {
  std::uint64_t phase;     // 0: Phase
  std::uint64_t task;      // 8: the task being worked on
  std::uint64_t since_ns;  // 16: CLOCK_MONOTONIC when the phase began; in kInRun: when run() was entered
  std::uint64_t items;     // 24: items of that task, 0 while unknown
  // 32: how many tasks (kRun and kInferTypes frames, counted from 1) the agent has taken back. The process
  // looks after it has stamped a task as kLoading, and answers kSkipped where the task is one of them.
  std::uint64_t taken_back;
};

}  // namespace parallelrun::channel
