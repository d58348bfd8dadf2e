#include "runner/pod/job_story.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/json/members.h"
#include "common/spec/problems.h"
#include "common/text/counted.h"
#include "runner/events/metric_words.h"

namespace parallelrun {
namespace {

using nlohmann::json;

std::string word(const json& event, const char* name) {
  const std::string text = text_at(event, name);
  return text.empty() ? text : shown(text);
}

// Sentences of our own, of the orchestrator: longer than what shown() gives to a value.
std::string sentence(const json& event, const char* name) {
  std::string text = text_at(event, name);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

bool flag(const json& event, const char* name) {
  const auto found = event.find(name);
  return found != event.end() && found->is_boolean() && found->get<bool>();
}

std::string counts_of(const json& event) {
  const std::uint64_t created = count_at(event, "miniBatchesCreated");
  const std::uint64_t done = count_at(event, "miniBatchesProcessed");
  std::string text = fmt::format("{} of {}{}", done, counted(created, "mini-batch"),
                                 flag(event, "planComplete") ? "" : " (the input is still being listed)");
  if (created > 0 && flag(event, "planComplete")) text += fmt::format(" ({}%)", done * 100 / created);
  text += fmt::format(", {} succeeded", counted(count_at(event, "itemsSucceeded"), "item"));
  if (const std::uint64_t failed = count_at(event, "itemsFailed"); failed > 0)
    text += fmt::format(", {} failed", failed);
  return text;
}

}  // namespace

std::vector<std::string> JobStory::lines(const json& event, Time now) {
  const std::string kind = word(event, "event");
  if (kind == "progress") return progress(event, now);
  if (kind == "finished") return finished(event);
  if (kind == "ready") {
    std::vector<std::string> lines;
    if (flag(event, "takenOver"))
      lines.emplace_back(
          "the orchestrator before this one did not end cleanly: its files were taken over as copies");
    lines.push_back(fmt::format("listening on {}; waiting for workers", word(event, "endpoint")));
    return lines;
  }
  if (kind == "agentCame") {
    return {fmt::format("worker {} on {} joined with {}", word(event, "agent"), word(event, "node"),
                        counted(count_at(event, "slots"), "process"))};
  }
  if (kind == "agentGone") {
    const std::uint64_t freed = count_at(event, "leasesFreed");
    return {fmt::format("worker {} on {} is gone: {}{}", word(event, "agent"), word(event, "node"),
                        word(event, "why"),
                        freed == 0 ? ""
                                   : fmt::format("; {} {} handed to other workers",
                                                 counted(freed, "mini-batch"), freed == 1 ? "is" : "are"))};
  }
  if (kind == "warning") return {"warning: " + sentence(event, "message")};
  if (kind == "note") return {sentence(event, "message")};
  if (kind == "error") {
    std::string line = fmt::format("warning: {} {}", word(event, "agent"), word(event, "process"));
    if (event.contains("miniBatch")) {
      line += fmt::format(", mini-batch {}, try {}{}", count_at(event, "miniBatch"), count_at(event, "tries"),
                          flag(event, "final") ? " (the last)" : "");
    }
    const std::string phase = word(event, "phase");
    line +=
        fmt::format("{}: {}", phase.empty() ? "" : fmt::format(" in {}", phase), sentence(event, "error"));
    if (!flag(event, "last")) return {line};
    return {line, "warning: further errors are only in logs/user/error.txt"};
  }
  return {};
}

std::vector<std::string> JobStory::progress(const json& event, Time now) {
  const auto interval =
      now - started_ < kLongJob ? std::chrono::seconds(kProgressEvery) : std::chrono::seconds(kLaterEvery);
  if (now - told_ < interval) return {};
  std::string counts = counts_of(event);
  if (counts == last_counts_) return {};
  told_ = now;
  last_counts_ = counts;
  return {fmt::format("{}; {}, {} ready", counts, counted(count_at(event, "agents"), "worker"),
                      counted(count_at(event, "processesReady"), "process"))};
}

std::vector<std::string> JobStory::finished(const json& event) {
  std::vector<std::string> lines = {
      fmt::format("{} ({}): {}", word(event, "state"), word(event, "reason"), sentence(event, "message"))};
  if (event.contains("miniBatchesCreated")) lines.push_back(counts_of(event));
  if (const std::string error = sentence(event, "firstError"); !error.empty())
    lines.push_back("first error: " + error);
  for (std::string& line : metric_lines(event)) lines.push_back(std::move(line));
  if (event.contains("output")) lines.push_back("results: " + output_);
  if (count_at(event, "itemsFailed") > 0)
    lines.push_back("failed items: failed_items.jsonl in the same directory");
  if (event.contains("logs")) {
    lines.emplace_back(
        count_at(event, "itemsFailed") > 0 || word(event, "state") == "Failed"
            ? "where to look: logs/user/error.txt and logs/job_progress_overview.txt in the same directory"
            : "logs: logs/ in the same directory; start with logs/job_progress_overview.txt");
  }
  return lines;
}

}  // namespace parallelrun
