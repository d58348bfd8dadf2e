#include "runner/cli/cluster_status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "common/json/members.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/launcher.h"
#include "runner/events/taken_over_words.h"

namespace parallelrun {
namespace {

using cluster::JobView;
using cluster::PodView;
using std::chrono::seconds;
using std::chrono::system_clock;

// The orchestrator writes its progress every two seconds at most.
constexpr std::chrono::milliseconds kClusterPause{1000};
constexpr std::size_t kMostPods = 20;

std::string short_since(const std::string& since, system_clock::time_point now) {
  const auto age = cluster::age_of(since, now);
  return age ? short_age(age->count()) : "";
}

std::string indented_table(const std::string& text) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    out += "  " + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return out;
}

// Of what is indented by two.
Screen narrower(Screen screen) {
  if (screen.columns > 0) screen.columns = std::max<std::size_t>(screen.columns, 3) - 2;
  return screen;
}

std::string pods_text(const std::vector<PodView>& pods, const Screen& screen, system_clock::time_point now) {
  if (pods.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < std::min(kMostPods, pods.size()); ++i) {
    const PodView& pod = pods[i];
    rows.push_back({pod.name, pod.phase, short_since(pod.created, now), pod.node});
  }
  std::string out = indented_table(table({"POD", "STATE", "AGE", "NODE"}, rows, narrower(screen)));
  if (pods.size() > kMostPods) out += fmt::format("  and {} more pods\n", pods.size() - kMostPods);
  return out;
}

std::string conditions_text(const JobView& job, const Screen& screen, system_clock::time_point now) {
  if (job.conditions.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const cluster::ConditionView& one : job.conditions)
    rows.push_back({one.type, one.status, one.reason, short_since(one.since, now), one.message});
  return indented_table(table({"CONDITION", "STATUS", "REASON", "AGE", "MESSAGE"}, rows, narrower(screen)));
}

std::string left_out_text(const nlohmann::json& progress) {
  const auto list = progress.find("leftOut");
  if (list == progress.end() || !list->is_array()) return "";
  std::string out;
  for (const nlohmann::json& one : *list)
    out += fmt::format("  warning: left out of the input '{}': {} of kind {}, the first is '{}'\n",
                       text_at(one, "input"), count_at(one, "count"), text_at(one, "kind"),
                       text_at(one, "first"));
  return out;
}

}  // namespace

std::string closing_words(const JobView& job, system_clock::time_point now) {
  const JobProgress progress = job_progress_from_json(job.progress);
  std::string out;
  if (!job.started.empty() && job.ended())
    out += fmt::format("  started {}, took {}\n", job.started, as_clock(job.elapsed(now)));
  if (const auto taken = job.progress.find("takenOver"); taken != job.progress.end())
    out += "  taken over: " + taken_over_in_words(*taken) + "\n";
  if (!job.output.empty())
    out += fmt::format("  output: {}{}\n", job.output, job.output_file.empty() ? "" : "/" + job.output_file);
  if (progress.items_failed > 0) {
    out += fmt::format("  failed items: {}; their errors: {}\n",
                       command_words("failed", job.name, job.name_space),
                       command_words("errors", job.name, job.name_space));
  } else if (job.state == "Failed") {
    out += fmt::format("  errors: {}; logs: {}\n", command_words("errors", job.name, job.name_space),
                       command_words("logs", job.name, job.name_space));
  }
  return out;
}

std::string text_of(const JobView& job, const std::vector<PodView>& pods, const Screen& screen,
                    system_clock::time_point now) {
  const JobProgress progress = job_progress_from_json(job.progress);
  std::string out = in_words(job) + "\n";
  if (progress.planned > 0) out += "  " + render_line(progress, std::nullopt) + "\n";
  if (!job.started.empty() && !job.ended())
    out += fmt::format("  started {}, {}: {} of {} ready, {} ready\n", job.started,
                       as_clock(job.elapsed(now)), job.nodes_ready, counted(job.nodes, "node"),
                       counted(progress.processes_ready, "process"));
  if (const std::string trouble = text_at(job.progress, "startFailure"); !trouble.empty())
    out += "  warning: " + trouble + "\n";
  out += left_out_text(job.progress) + closing_words(job, now);
  // The tables come behind the sentences, which are longer than most terminals are wide.
  return marked(presentable_lines(out), screen.colours) + conditions_text(job, screen, now) +
         pods_text(pods, screen, now);
}

nlohmann::json event_of(const JobView& job) {
  nlohmann::json event = to_json(job);
  event["event"] = job.ended() ? "finished" : "progress";
  event["elapsedSeconds"] = job.elapsed(system_clock::now()).count();
  return event;
}

Result<JobView> follow(cluster::Jobs& jobs, cluster::Interrupt& interrupt, JobView job, DisplayMode mode,
                       int descriptor) {
  const auto started = [](const JobView& one) {
    return std::chrono::steady_clock::now() - one.elapsed(system_clock::now());
  };
  auto display = std::make_unique<Display>(Display::Options{mode, descriptor, job.name, true, seconds(10)},
                                           started(job));
  bool had_begun = !job.started.empty();
  std::string told;
  std::string trouble;
  while (true) {
    if (!had_begun && !job.started.empty()) {
      // The time of the bar is that of the job.
      display = std::make_unique<Display>(Display::Options{mode, descriptor, job.name, true, seconds(10)},
                                          started(job));
      had_begun = true;
    }
    const std::string words = in_words(job);
    if (!job.ended() && words != told) display->say(words);
    told = words;
    if (!job.ended() || mode == DisplayMode::kJson || count_at(job.progress, "miniBatchesCreated") > 0)
      display->show(event_of(job), std::chrono::steady_clock::now());
    if (display->write_error() != 0) return Error{ErrorCode::kIo, "standard output cannot be written", false};
    if (job.ended()) return job;
    if (!interrupt.wait(kClusterPause)) return Error{ErrorCode::kAborted, "interrupted", false};
    const auto now = jobs.find(job.name);
    if (now && !*now)
      return Error{ErrorCode::kConflict, fmt::format("the job '{}' was deleted", job.name), false};
    if (now) {
      if (!trouble.empty()) display->say("the API server answers again");
      trouble.clear();
      JobView next = cluster::job_view(**now);
      if (next.uid != job.uid)
        return Error{ErrorCode::kConflict,
                     fmt::format("the job '{}' was deleted, and another one has its name now", job.name),
                     false};
      job = std::move(next);
      continue;
    }
    if (interrupt.requested()) return Error{ErrorCode::kAborted, "interrupted", false};
    if (!now.error().retryable) return now.error();
    if (trouble.empty()) display->say(now.error().message + "; waiting for it");
    trouble = now.error().message;
  }
}

void add_form_option_of_job(CLI::App& verb, Form& form) {
  add_form_option(
      verb, form,
      {{"text", Form::kTable}, {"json", Form::kJson}, {"yaml", Form::kYaml}, {"name", Form::kName}});
}

bool print_job(const std::string& name, const nlohmann::json& job, Form form, const std::string& words) {
  if (form == Form::kName) return print(presentable(name) + "\n");
  return print(form == Form::kTable ? words : document_text(job, form));
}

int cluster_status(const ClusterStatusOptions& options) {
  cluster::Interrupt interrupt;
  const auto connection = connect(options.cluster);
  if (!connection) return kExitInvalid;
  cluster::Jobs jobs(*connection, interrupt.token());
  const auto found = jobs.get(options.job);
  if (!found) return print_error(found.error());
  JobView job = cluster::job_view(*found);
  if (options.watch) {
    const DisplayMode mode =
        options.form == Form::kJson ? DisplayMode::kJson : display_mode_for(STDOUT_FILENO);
    auto end = follow(jobs, interrupt, std::move(job), mode, STDOUT_FILENO);
    if (!end) return print_error(end.error());
    if (mode == DisplayMode::kJson) return end->state == "Complete" ? kExitComplete : kExitFailed;
    job = std::move(end).value();
  }
  std::vector<PodView> pods;
  if (options.form != Form::kName) {
    const auto theirs = jobs.pods(options.job);
    if (theirs) {
      for (const nlohmann::json& pod : *theirs) pods.push_back(cluster::pod_view(pod));
    } else {
      warn("its pods are not shown: " + theirs.error().message);
    }
  }
  std::string shown;
  if (options.form == Form::kName) {
    shown = presentable(job.name) + "\n";
  } else if (options.form == Form::kTable || options.form == Form::kWide) {
    const Screen screen = screen_of(STDOUT_FILENO, options.form == Form::kWide);
    shown = text_of(job, pods, screen, system_clock::now());
  } else {
    nlohmann::json document = to_json(job);
    document["pods"] = nlohmann::json::array();
    for (const PodView& pod : pods) document["pods"].push_back(to_json(pod));
    shown = document_text(document, options.form);
  }
  if (!print(shown)) return kExitFailed;
  if (!options.watch) return kExitComplete;
  return job.state == "Complete" ? kExitComplete : kExitFailed;
}

}  // namespace parallelrun
