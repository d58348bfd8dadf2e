#include "runner/web/kept_answers.h"

#include <algorithm>
#include <utility>

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostKept = 200;
constexpr std::chrono::seconds kFresh{10};  // of a job at work
constexpr std::chrono::minutes kKept{30};   // of one that has ended

std::string key_of(const std::string& job, const std::string& question) { return job + "/" + question; }

}  // namespace

std::optional<ordered_json> KeptAnswers::find(const std::string& job, const std::string& question) {
  const std::lock_guard lock(mutex_);
  kept_.remove_if([now = Clock::now()](const Kept& one) { return one.until < now; });
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [key = key_of(job, question)](const Kept& one) { return one.key == key; });
  if (found == kept_.end()) return std::nullopt;
  kept_.splice(kept_.begin(), kept_, found);
  return ordered_json::parse(found->text, nullptr, false);
}

void KeptAnswers::keep(const std::string& job, const std::string& question, const ordered_json& answer,
                       bool ended) {
  const std::lock_guard lock(mutex_);
  const std::string key = key_of(job, question);
  kept_.remove_if([&](const Kept& one) { return one.key == key; });
  if (kept_.size() >= kMostKept) kept_.pop_back();
  std::string text = answer.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  auto place = tenant_.take(Places::Kind::kKeptBytes, text.size());
  for (; !place && !kept_.empty(); place = tenant_.take(Places::Kind::kKeptBytes, text.size()))
    kept_.pop_back();
  if (!place) return;
  kept_.push_front({key, std::move(text),
                    Clock::now() + (ended ? Clock::duration(kKept) : Clock::duration(kFresh)),
                    std::move(place).value()});
}

}  // namespace parallelrun::web
