// Answers that pods have brought about jobs of a cluster, kept for a while: a pod for each look would cost
// more than it shows. The least used go first.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>

#include "common/json/json.h"
#include "runner/web/places.h"

namespace parallelrun::web {

// Any thread.
class KeptAnswers {
 public:
  using Clock = std::chrono::steady_clock;

  explicit KeptAnswers(Tenant tenant) : tenant_(std::move(tenant)) {}

  // Nothing: there is none, or it is too old.
  std::optional<nlohmann::ordered_json> find(const std::string& job, const std::string& question);
  // `ended`: so is the job, and its answers do not change any more. Where there is no place for it, it is
  // not kept.
  void keep(const std::string& job, const std::string& question, const nlohmann::ordered_json& answer,
            bool ended);

 private:
  struct Kept {
    std::string key;
    std::string text;  // a document takes several times its text
    Clock::time_point until;
    Places::Place place;
  };

  const Tenant tenant_;
  std::mutex mutex_;
  std::list<Kept> kept_;  // the last used first
};

}  // namespace parallelrun::web
