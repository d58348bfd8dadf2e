// The text of job_progress_overview.txt, and the same for programs, sys/progress.json. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "runner/progress/progress.h"

namespace parallelrun::orchestrator {

class Overview {
 public:
  // `processed_before`: mini-batches that earlier runs had committed; they say nothing about today's speed.
  Overview(std::string job_name, std::string started, std::uint64_t processed_before)
      : job_name_(std::move(job_name)), started_(std::move(started)), processed_before_(processed_before) {}

  // {"inputs.images": {"name", "version"}}: the datasets that the job reads.
  void set_datasets(nlohmann::json datasets) { datasets_ = std::move(datasets); }

  // {"from", "miniBatches", "items", ...}: what was taken over from another job; null: nothing was asked for.
  void set_taken_over(nlohmann::json taken) { taken_over_ = std::move(taken); }

  // A line that stays. Of those behind the first few only their number is shown.
  void add_warning(std::string line);

  // Lines that stand there until the next call: what is wrong just now. Only the first few are shown.
  void set_troubles(std::vector<std::string> lines) { troubles_ = std::move(lines); }

  // `elapsed`: since the start of this orchestrator.
  std::string text(const std::string& now, std::chrono::milliseconds elapsed, const Progress& progress,
                   const std::optional<JobResult>& result) const;

  // {"job", "started", "updated", "elapsedSeconds", "processedBefore", "warnings": [...], "datasets" where it
  // reads any, "takenOver" where results were, "timeLeftSeconds" where it is known, and the members of
  // Progress or, at the end, of JobResult}
  nlohmann::json json(const std::string& now, std::chrono::milliseconds elapsed, const Progress& progress,
                      const std::optional<JobResult>& result) const;

 private:
  // Those that stay, as many as are kept, and those of now.
  std::vector<std::string> warnings() const;

  std::string job_name_;
  std::string started_;
  std::uint64_t processed_before_;
  nlohmann::json datasets_ = nlohmann::json::object();
  nlohmann::json taken_over_;
  std::vector<std::string> warnings_;
  std::uint64_t more_warnings_ = 0;
  std::vector<std::string> troubles_;
};

// Mini-batches still to do over the speed so far; empty while that is not known or the plan not complete.
std::optional<std::chrono::seconds> time_left(const Progress& progress, std::uint64_t processed_before,
                                              std::chrono::milliseconds elapsed);

}  // namespace parallelrun::orchestrator
