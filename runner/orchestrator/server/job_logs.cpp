#include "runner/orchestrator/server/job_logs.h"

#include <chrono>
#include <mutex>
#include <utility>

#include "common/json/json.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "common/time/rfc3339.h"
#include "runner/plan/split.h"
#include "spdlog/details/null_mutex.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/base_sink.h"
#include "spdlog/spdlog.h"

namespace parallelrun::orchestrator {
namespace {

constexpr const char* kOverview = "job_progress_overview.txt";
constexpr const char* kErrors = "user/error.txt";
// The same two for programs.
constexpr const char* kProgressJson = "sys/progress.json";
constexpr const char* kErrorsJson = "user/errors.json";
constexpr const char* kMetrics = "user/metrics.jsonl";
constexpr const char* kMasterRole = "sys/master_role.txt";
constexpr std::size_t kEarlierText = 64U << 10U;
constexpr std::size_t kMostEarlierJson = 4U << 20U;  // more than ErrorSummary keeps
constexpr std::chrono::seconds kRefresh{1};
constexpr std::chrono::seconds kPlanLine{5};
constexpr std::uint32_t kFailuresTold = 100;  // a second
constexpr std::size_t kLongestLogLine = 1000;

class QueueSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit QueueSink(LogWriter& writer) : writer_(writer) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    writer_.append(kMasterRole, std::string(line.data(), line.size()));
  }
  void flush_() override {}

 private:
  LogWriter& writer_;
};

spdlog::level::level_enum level_of(LoggingLevel level) {
  switch (level) {
    case LoggingLevel::kWarning:
      return spdlog::level::warn;
    case LoggingLevel::kInfo:
      return spdlog::level::info;
    case LoggingLevel::kDebug:
      break;
  }
  return spdlog::level::debug;
}

LogWriter::Options writer_options(const std::string& directory) {
  LogWriter::Options options;
  options.tree.directory = directory;
  return options;
}

std::string earlier(const std::string& directory, const char* path) {
  std::string text = LogTree({.directory = directory}).tail(path, kEarlierText);
  return text.empty() ? text : "\n=== before this start ===\n" + text;
}

// In ASCII: what steers a terminal stands there as its code.
std::string as_file(const nlohmann::json& document) {
  return without_credentials(document.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)) + "\n";
}

// What an earlier start wrote of errors, without what it had from still earlier ones.
nlohmann::json earlier_errors_json(const std::string& directory) {
  const std::string text = LogTree({.directory = directory}).tail(kErrorsJson, kMostEarlierJson);
  nlohmann::json errors = nlohmann::json::parse(text, nullptr, false);
  if (!errors.is_object() || !errors.contains("errors")) return nullptr;
  errors.erase("earlier");
  return errors;
}

std::string in_one_line(std::string_view text) { return one_line(text, kLongestLogLine); }

// {"input":0,"types":{"a":"float64"}}, as InputInfo has it -> "a float64"
std::string columns_of(const InputInfo& info) {
  const nlohmann::json json = nlohmann::json::parse(info.types, nullptr, false);
  if (!json.is_object() || !json.contains("types") || !json["types"].is_object()) return info.types;
  std::string columns;
  for (const auto& [column, type] : json["types"].items()) {
    if (columns.size() > kLongestLogLine) break;
    columns +=
        (columns.empty() ? "" : ", ") + column + " " + (type.is_string() ? type.get<std::string>() : "");
  }
  return columns;
}

}  // namespace

std::string suspect_in_words(WorkId id, std::uint32_t losses) {
  return fmt::format(
      "mini-batch {}: {} agents were lost while run() worked on it. From now on it runs alone on its agent, "
      "and each further loss counts as a failed try",
      to_string(id), losses);
}

std::string utc_now() {
  return rfc3339_seconds(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

JobLogs::JobLogs(const Options& options)
    : options_(options),
      writer_(writer_options(options.directory)),
      overview_(options.job_name, utc_now(), options.processed_before),
      earlier_overview_(earlier(options.directory, kOverview)),
      earlier_errors_(earlier(options.directory, kErrors)),
      earlier_errors_json_(earlier_errors_json(options.directory)),
      started_(Clock::now()),
      metrics_(!LogTree({.directory = options.directory}).tail(kMetrics, 1).empty()) {
  overview_.set_datasets(options.datasets);
  overview_.set_taken_over(options.taken_over);
  master_ = std::make_shared<spdlog::logger>("master_role", std::make_shared<QueueSink>(writer_));
  master_->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                                                                     spdlog::pattern_time_type::utc));
  milestones_ = master_->clone("milestones");
  master_->set_level(level_of(options.level));
  milestones_->set_level(spdlog::level::info);
}

JobLogs::~JobLogs() = default;

void JobLogs::note(const std::string& line) { milestones_->info(in_one_line(line)); }
void JobLogs::warn(const std::string& line) { master_->warn(in_one_line(line)); }

void JobLogs::alert(const std::string& line) {
  warn(line);
  overview_.add_warning(in_one_line(line));
}

void JobLogs::on_plan(std::uint64_t mini_batches, bool complete) {
  const auto now = Clock::now();
  if (!complete && now - plan_told_ < kPlanLine) return;
  plan_told_ = now;
  master_->info("mini-batches created: {}{}", mini_batches, complete ? ", the plan is complete" : " so far");
}

void JobLogs::refresh(const Progress& progress, const std::vector<Silence>& silences) {
  const auto now = Clock::now();
  if (now - refreshed_ < kRefresh) return;
  refreshed_ = now;
  if (untold_ > 0)
    master_->warn("{} more failures and shortfalls are not listed here", std::exchange(untold_, 0));
  if (const LogWriter::Losses losses = writer_.losses(); losses.bytes > lost_told_) {
    lost_told_ = losses.bytes;
    master_->warn("{} of logs could not be written so far: {}", counted(losses.bytes, "byte"),
                  in_one_line(losses.why));
  }
  if (!shown_ || shown_->counts.processed() != progress.counts.processed()) {
    master_->debug("progress: {} of {} mini-batches processed, {} failed, {} leased, {} wait for another try",
                   progress.counts.processed(), progress.planned, progress.counts.failed, progress.leased,
                   progress.waiting_retry);
  }
  std::vector<std::string> troubles;
  for (const Silence& silence : silences) troubles.push_back(in_words(silence));
  overview_.set_troubles(std::move(troubles));
  write_overview(progress, std::nullopt);
  write_errors();
}

void JobLogs::finish(const Progress& progress, const std::optional<JobResult>& result) {
  overview_.set_troubles({});
  write_overview(progress, result);
  write_errors();
  if (metrics_.broken() > 0)
    warn(fmt::format("{} of metrics could not be read and {} left out", counted(metrics_.broken(), "line"),
                     metrics_.broken() == 1 ? "is" : "are"));
  if (result) note(fmt::format("result: {}: {}", to_string(result->state), result->message));
}

void JobLogs::on_agent_came(const AgentView& agent) {
  master_->info("agent {} on {} joined with {}", in_one_line(agent.name), in_one_line(agent.node),
                counted(agent.slots, "process"));
}

void JobLogs::on_agent_gone(const AgentView& agent, std::string_view why, std::uint64_t leases_freed) {
  master_->info("agent {} is gone: {}; {} handed to other agents", in_one_line(agent.name), why,
                counted(leases_freed, "lease"));
}

void JobLogs::on_agent_silent(const Silence& silence) { master_->warn(in_one_line(in_words(silence))); }

void JobLogs::on_agent_answers(const AgentView& agent) {
  master_->info("agent {} answers again", in_one_line(agent.name));
}

void JobLogs::on_suspect(const AgentView&, WorkId id, std::uint32_t losses) {
  master_->warn(suspect_in_words(id, losses));
}

void JobLogs::on_logs(const AgentView& agent, std::vector<LogChunk>&& logs) {
  for (LogChunk& chunk : logs) {
    const std::string refusal = allowance_.refusal(agent, chunk.path, Clock::now());
    if (refusal.empty()) {
      if (Metrics::are_in(chunk.path)) {
        chunk.bytes = metrics_.take(agent, chunk);
        chunk.path = kMetrics;
      }
      if (!chunk.bytes.empty()) writer_.append(std::move(chunk.path), std::move(chunk.bytes));
      continue;
    }
    ++refused_paths_;
    if (!may_tell_of_failure()) continue;
    master_->warn(
        "agent {} may not write to the log file '{}', because {}: {} bytes are left out ({} times so far)",
        in_one_line(agent.name), in_one_line(chunk.path), refusal, chunk.bytes.size(), refused_paths_);
  }
}

bool JobLogs::may_tell_of_failure() {
  const auto now = Clock::now();
  if (now - window_ >= std::chrono::seconds(1)) {
    window_ = now;
    told_in_window_ = 0;
  }
  if (told_in_window_ < kFailuresTold) {
    ++told_in_window_;
    return true;
  }
  ++untold_;
  return false;
}

void JobLogs::on_try_failed(const AgentView& agent, const AttemptResult& result, std::uint32_t tries,
                            bool final) {
  add_error(
      result.error,
      {utc_now(), in_one_line(fmt::format("{} {} pid {}", agent.name, result.process, result.pid)),
       fmt::format("mini-batch {}, try {} of {}", to_string(result.work), tries, options_.run_max_try)});
  if (!may_tell_of_failure()) return;
  master_->warn("mini-batch {} failed on {} {} (try {} of {}{}): {}", to_string(result.work),
                in_one_line(agent.name), in_one_line(result.process), tries, options_.run_max_try,
                final ? "; its items count as failed" : "", one_line(result.error));
}

void JobLogs::on_split(WorkId work, const std::vector<std::uint64_t>& items, const std::string& why) {
  if (!may_tell_of_failure()) return;
  if (!why.empty()) {
    master_->warn("mini-batch {} cannot be split (isolateFailures), so its items count as failed: {}",
                  to_string(work), in_one_line(why));
    return;
  }
  const auto halves = halves_of(work.part);
  master_->info("mini-batch {} is split (isolateFailures): part {} has {}, part {} has {}", to_string(work),
                to_string(WorkId{work.mini_batch, halves->first}), counted(items.at(0), "item"),
                to_string(WorkId{work.mini_batch, halves->second}), counted(items.at(1), "item"));
}

void JobLogs::on_shortfall(const AgentView& agent, const AttemptResult& result, const ScriptError& error) {
  add_error(
      error,
      {utc_now(), in_one_line(fmt::format("{} {} pid {}", agent.name, result.process, result.pid)), {}});
  if (!may_tell_of_failure()) return;
  master_->warn("{} {}: {}", in_one_line(agent.name), in_one_line(result.process), one_line(error));
}

void JobLogs::refused_caller(const std::string& agent, const std::string& why) {
  ++refused_callers_;
  if (!may_tell_of_failure()) return;
  master_->warn("a request in the name of agent '{}' was refused: {} ({} refused so far)", in_one_line(agent),
                in_one_line(why), refused_callers_);
}

void JobLogs::on_refused_results(const AgentView& agent, std::uint64_t results) {
  refused_results_ += results;
  if (!may_tell_of_failure()) return;
  master_->warn(
      "agent {} sent {} for leases that it does not have: they do not count ({} so far from all agents)",
      in_one_line(agent.name), counted(results, "result"), refused_results_);
}

void JobLogs::on_process_failure(const AgentView& agent, const ProcessFailure& failure) {
  add_error(
      failure.error,
      {utc_now(), in_one_line(fmt::format("{} {} pid {}", agent.name, failure.process, failure.pid)), {}});
  if (!may_tell_of_failure()) return;
  master_->warn("{} {} failed in {}{}: {}", in_one_line(agent.name), in_one_line(failure.process),
                to_string(failure.error.phase), failure.fatal ? " for good" : "", one_line(failure.error));
}

void JobLogs::add_error(const ScriptError& error, const ErrorSummary::Occurrence& occurrence) {
  errors_changed_ = true;
  if (auto traceback = errors_.add(error, occurrence)) {
    writer_.append(std::move(traceback->path), presentable_lines(traceback->text));
  }
}

void JobLogs::on_types_decided(const InputInfo& info) {
  const std::string name = info.input < options_.input_names.size() ? options_.input_names[info.input]
                                                                    : std::to_string(info.input);
  master_->info("column types of input '{}': {}", name, in_one_line(columns_of(info)));
}

void JobLogs::on_ending(const JobResult& result) {
  const auto level = result.state == JobState::kFailed ? spdlog::level::err : spdlog::level::info;
  master_->log(level, "ending: {} ({}): {}", to_string(result.state), to_string(result.reason),
               in_one_line(result.message));
  if (!result.first_errors.empty()) {
    master_->log(level, "first error: {}", one_line(result.first_errors.front()));
  }
}

void JobLogs::write_overview(const Progress& progress, const std::optional<JobResult>& result) {
  shown_ = progress;
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
  const std::string now = utc_now();
  writer_.replace(kOverview,
                  presentable_lines(overview_.text(now, elapsed, progress, result) + earlier_overview_));
  writer_.replace(kProgressJson, as_file(overview_.json(now, elapsed, progress, result)));
}

void JobLogs::write_errors() {
  if (!std::exchange(errors_changed_, false)) return;
  writer_.replace(kErrors, presentable_lines(errors_.text() + earlier_errors_));
  nlohmann::json errors = errors_.json();
  if (!earlier_errors_json_.is_null()) errors["earlier"] = earlier_errors_json_;
  writer_.replace(kErrorsJson, as_file(errors));
}

}  // namespace parallelrun::orchestrator
