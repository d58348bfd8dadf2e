// Where the time of a job went, from the lines that its processes have logged for each mini-batch
// (logs/sys/node), and what could be set to make it faster.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::report {

// One worker process's slot over its life. Seconds; times since 1970.
struct ProcessTimes {
  std::string name;                // "127.0.0.1/process000"
  double first = 0;                // the first mini-batch is picked up
  double last = 0;                 // the last one is done
  double busy = 0;                 // with mini-batches: reading, run, writing
  double run = 0;                  // inside run()
  double cpu = 0;                  // of the processor, while busy
  double longest = 0;              // run() of one mini-batch
  std::uint64_t mini_batches = 0;  // tries
  std::uint64_t failed = 0;        // of these
};

struct SpeedReport {
  std::vector<ProcessTimes> processes;  // by name; those that had a mini-batch
  double elapsed = 0;                   // of the job, in all its starts
  double start = 0;  // seconds until the first mini-batch was picked up; 0: not known (the job went on)
  double span = 0;   // from the first pick-up to the last end
  double run = 0, overhead = 0, idle = 0;  // shares of the processes' time within `span`: 0 to 1
  double cpu = 0;                          // processor seconds in a busy second
  double median_run = 0, longest_run = 0;  // seconds of a mini-batch
  double tail = 0;              // seconds that the last process worked on when half of them had ended
  std::uint64_t memory_kb = 0;  // the largest process, as far as it was measured; 0: not measured
};

// One thing that costs time, with its figures and a setting to try.
struct Finding {
  std::string what;
  std::string figures;
  std::string setting;
};

// Adds a line of such a log. False: it tells of no mini-batch that is done. Pure.
bool add_line(std::string_view line, ProcessTimes& process, std::vector<float>& runs);
// The figures of the whole from those of the processes. `started`: since 1970; 0: not known. Pure.
SpeedReport speed_of(std::vector<ProcessTimes> processes, std::vector<float> runs, double started);
// The most costly first; empty: nothing stands out. Pure.
std::vector<Finding> findings_of(const SpeedReport& report);

// Errors: kNotFound (no such logs: no mini-batch is done yet, or loggingLevel is WARNING), those
// of read_error().
Result<SpeedReport> read_speed(const std::string& directory);

nlohmann::ordered_json to_json(const SpeedReport& report, const std::vector<Finding>& findings);

}  // namespace parallelrun::report
