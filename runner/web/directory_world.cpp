#include "runner/web/directory_world.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "common/json/members.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/job/contents.h"
#include "runner/web/directory_verbs.h"
#include "runner/web/output_answers.h"
#include "runner/web/run_process.h"
#include "runner/web/run_starter.h"
#include "runner/web/script_python.h"
#include "runner/web/settings_difference.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::seconds kPatienceWithRun{20};
constexpr std::size_t kLargestJobFile = std::size_t{64} << 20U;

Error no_such_job() {
  return {ErrorCode::kNotFound,
          "there is no such job any more: its output directory was removed or moved; go back to the list"};
}

// A JSON object of a job's state; nothing: it is not there or damaged.
std::optional<nlohmann::json> state_file(const OutputFolder& folder, const char* path) {
  const auto file = folder.file(path);
  if (!file) return std::nullopt;
  const auto text = read_end(*file, kLargestJobFile);
  if (!text) return std::nullopt;
  nlohmann::json document = nlohmann::json::parse(*text, nullptr, false);
  return document.is_object() ? std::optional(std::move(document)) : std::nullopt;
}

std::optional<nlohmann::json> job_file(const OutputFolder& folder) {
  return state_file(folder, ".parallelrun/job.json");
}

class DirectoryWorld final : public World {
 public:
  DirectoryWorld(DirectoryJobs::Options options, std::string program)
      : jobs_(std::move(options)), starter_(std::move(program), kPatienceWithRun) {}

  void describe(ordered_json& about) const override { about["directories"] = jobs_.roots(); }
  bool owns(const std::string& id) const override { return id.starts_with('d'); }
  JobLines jobs() override { return jobs_.all(); }
  Changes changes(std::uint64_t since, const std::vector<std::string>& watched) override {
    return jobs_.changes(since, watched);
  }

  Result<ordered_json> job(const std::string& id) override {
    ASSIGN_OR_RETURN(const OutputPlace place, open(id));
    const auto report = report::report_of(place.path);
    if (!report) return report.error();
    ordered_json job = job_line(id, *report, place.path);
    job["outputFile"] = report->output_file;
    job["format"] = report->format;
    for (const char* name : {"warnings", "leftOut", "datasets", "firstErrors"}) {
      const auto found = report->progress.find(name);
      if (found != report->progress.end()) job[name] = *found;
    }
    if (!job.contains("warnings")) job["warnings"] = ordered_json::array();
    if (std::string manifest = manifest_of(place.folder, report->name); !manifest.empty())
      job["manifest"] = std::move(manifest);
    job["verbs"] = directory_verbs(facts_of(place, *report));
    return job;
  }

  Result<ordered_json> answer(const std::string& id, const std::string& about,
                              const Target& target) override {
    ASSIGN_OR_RETURN(const OutputPlace place, open(id));
    if (about == "difference") return difference(place);
    return web::answer(place, about, target, timelines_);
  }

  void follow(std::vector<FollowedLog>& logs) override {
    for (FollowedLog& log : logs)
      if (const auto place = open(log.job)) log.size = web::log_size(place->folder, log.path);
  }

  Result<Deed> act(const std::string& id, const std::string& verb, const nlohmann::json& arguments) override {
    ASSIGN_OR_RETURN(const OutputPlace place, open(id));
    ASSIGN_OR_RETURN(const report::JobReport report, report::report_of(place.path));
    const ordered_json known = directory_verbs(facts_of(place, report));
    if (!known.contains(verb))
      return Error{ErrorCode::kConflict, "there is no such verb: " + presentable(verb)};
    if (!known[verb]["allowed"].get<bool>())
      return Error{ErrorCode::kConflict, known[verb]["why"].get<std::string>()};
    if (verb != "cancel") return resubmit(place, verb == "resubmit" ? arguments : nlohmann::json::object());
    ASSIGN_OR_RETURN(const RunProcess run, find_run(place.folder));
    RETURN_IF_ERROR(interrupt(run));
    return Deed{fmt::format("process {} got an interrupt, as by Ctrl-C: finished mini-batches are being "
                            "committed; the same command, started again, goes on from there",
                            run.pid),
                ""};
  }

 private:
  Result<OutputPlace> open(const std::string& id) {
    const std::optional<JobPlace> place = jobs_.find(id);
    if (!place) return no_such_job();
    auto folder = OutputFolder::open(place->root, place->below);
    if (!folder && folder.error().code == ErrorCode::kNotFound) {
      jobs_.forget(id);
      return no_such_job();
    }
    if (!folder) return folder.error();
    return OutputPlace{id, place->path(), std::move(folder).value()};
  }

  Result<Deed> resubmit(const OutputPlace& place, const nlohmann::json& arguments) {
    ASSIGN_OR_RETURN(std::vector<std::string> words, resubmit_words(place.path, arguments));
    words.emplace_back("--json");
    ASSIGN_OR_RETURN(const BegunRun run, starter_.start(words));
    if (run.output.empty() || !run.works)
      return Deed{
          fmt::format("process {} is starting the job; it will be in the list once it has begun", run.pid),
          ""};
    return Deed{fmt::format("process {} runs the job, and goes on when this page is closed. {}", run.pid,
                            fmt::join(run.told, ". ")),
                jobs_.show(run.output)};
  }

  DirectoryFacts facts_of(const OutputPlace& place, const report::JobReport& report) {
    DirectoryFacts facts;
    facts.output = place.path;
    facts.state = report.state;
    facts.failed = count_at(report.progress, "itemsFailed") + count_at(report.progress, "miniBatchesShort");
    const auto run = find_run(place.folder);
    if (run) {
      facts.run = run->pid;
      facts.ignores_interrupt = run->ignores_interrupt;
    } else {
      facts.no_run = run.error().message;
    }
    if (auto submission = state_file(place.folder, ".parallelrun/submission.json"))
      facts.submission = std::move(*submission);
    if (report::at_work(report.state)) return facts;  // it will not be made anew now
    const auto python = script_python();
    if (!python) facts.no_python = python.error().message;
    if (python && place.folder.file(kContentsPath)) {
      facts.python_of_job = python_of_job(place.path);
      facts.python = python_.get();
    }
    return facts;
  }

  // From the job that it is a resubmission of, else from the latest run of the same name that is shown here
  // too and began before (times have seconds).
  Result<ordered_json> difference(const OutputPlace& place) {
    const auto now = job_file(place.folder);
    if (!now) return Error{ErrorCode::kCorrupt, "'.parallelrun/job.json' is damaged or gone"};
    const auto own = report::report_of(place.path);
    const std::string began = own ? text_at(own->progress, "started") : "";
    const auto submission = state_file(place.folder, ".parallelrun/submission.json");
    const std::string made_from = submission ? text_at(*submission, "resubmissionOf") : "";
    std::string previous;
    std::string latest;
    std::optional<nlohmann::json> was;
    for (const JobPlace& other : jobs_.named(text_at(*now, "name"), place.key)) {
      const auto report = report::report_of(other.path());
      const std::string time = report ? text_at(report->progress, "started") : "";
      const bool is_origin = other.path() == made_from;
      if (!is_origin && (time.empty() || time >= began || time <= latest)) continue;
      const auto folder = OutputFolder::open(other.root, other.below);
      auto document = folder ? job_file(*folder) : std::nullopt;
      if (!document) continue;
      latest = time;
      previous = other.path();
      was = std::move(document);
      if (is_origin) break;
    }
    if (!was)
      return ordered_json{{"previous", ""},
                          {"fields", ordered_json::array()},
                          {"note", "no earlier run of this name is shown here"}};
    return ordered_json{
        {"previous", previous},
        {"fields", settings_difference(object_at(*was, "settings"), object_at(*now, "settings"))}};
  }

  DirectoryJobs jobs_;
  RunStarter starter_;
  PythonHere python_;
  TimelineReader timelines_{{}};
};

}  // namespace

std::unique_ptr<World> make_directory_world(DirectoryJobs::Options options, std::string program) {
  return std::make_unique<DirectoryWorld>(std::move(options), std::move(program));
}

}  // namespace parallelrun::web
