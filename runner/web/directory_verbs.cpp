#include "runner/web/directory_verbs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "common/json/members.h"
#include "common/text/presentable.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

// What may be tuned from run to run [PipelineParameter]; none of it costs a result (docs/resubmit.md).
constexpr std::array<std::string_view, 6> kTunable = {
    "miniBatchSize", "nodeCount", "processCountPerNode", "loggingLevel", "runInvocationTimeout", "runMaxTry"};
constexpr std::size_t kLongestValue = 100;  // bytes

ordered_json off(const std::string& why) { return {{"allowed", false}, {"why", why}, {"command", ""}}; }

std::string resubmit_command(const DirectoryFacts& facts) {
  return "parallelrun resubmit " + shell_word(facts.output);
}

// The command that goes on in this directory. The manifest may not be known, or be one of standard input.
std::string run_command(const DirectoryFacts& facts) {
  const std::string manifest = text_at(facts.submission, "manifest");
  return fmt::format("parallelrun run {} --output {}", manifest.empty() ? "MANIFEST" : shell_word(manifest),
                     shell_word(facts.output));
}

std::string cancel_command(const DirectoryFacts& facts) {
  return fmt::format("kill -{} {}", facts.ignores_interrupt ? "TERM" : "INT", facts.run);
}

// What comes before something else is done to a job at work.
std::string cancelled_first(const DirectoryFacts& facts) {
  return facts.run != 0 ? fmt::format("cancel it (`{}`)", cancel_command(facts))
                        : "cancel it where it runs (Ctrl-C there)";
}

ordered_json cancel(const DirectoryFacts& facts) {
  if (facts.run == 0) return off(facts.no_run);
  return {{"allowed", true}, {"why", ""}, {"command", cancel_command(facts)}};
}

std::string ended(const DirectoryFacts& facts) {
  return fmt::format("the job has ended ({})", report::to_string(facts.state));
}

std::string why_not_suspend(const DirectoryFacts& facts) {
  if (!report::at_work(facts.state)) return fmt::format("no run works in this directory: {}", ended(facts));
  return fmt::format("a run of this machine is not suspended: {}; `{}` goes on from what was committed",
                     cancelled_first(facts), run_command(facts));
}

std::string why_not_resume(const DirectoryFacts& facts) {
  if (report::at_work(facts.state)) return "the job is at work already; it was not suspended";
  if (facts.state == report::RunState::kInterrupted)
    return fmt::format("a page goes on with no run: `{}` does, from what was committed", run_command(facts));
  return fmt::format("{}: `{}` makes it anew", ended(facts), resubmit_command(facts));
}

std::string why_not_scale(const DirectoryFacts& facts) {
  if (report::at_work(facts.state))
    return fmt::format(
        "a run of this machine keeps its nodes: {}; `{} --set nodeCount=N` goes on with others",
        cancelled_first(facts), run_command(facts));
  return fmt::format("{}: `{} --set nodeCount=N` makes it anew", ended(facts), resubmit_command(facts));
}

// Empty: it can be made anew.
std::string why_not_resubmit(const DirectoryFacts& facts) {
  if (report::at_work(facts.state))
    return fmt::format("the job is at work: {}, or wait for its end; `{}` makes it anew then",
                       cancelled_first(facts), resubmit_command(facts));
  if (object_at(object_at(facts.submission, "spec"), "spec").empty())
    return fmt::format(
        "it does not say with what the job was started (.parallelrun/submission.json is missing or damaged: "
        "an "
        "earlier version ran it, or a cluster did): `parallelrun run MANIFEST --take-over {} --output NEW` "
        "makes it anew",
        shell_word(facts.output));
  if (!facts.no_python.empty())
    return fmt::format("{}; `{}` makes it anew where the job's Python is", facts.no_python,
                       resubmit_command(facts));
  return "";
}

// As they are now, for a person to change.
ordered_json fields_of(const nlohmann::json& submission) {
  const nlohmann::json& spec = object_at(object_at(submission, "spec"), "spec");
  ordered_json fields = ordered_json::array();
  const auto keys = spec.find("partitionKeys");
  const bool by_keys = keys != spec.end() && !keys->empty();
  for (const std::string_view name : kTunable) {
    if (by_keys && name == "miniBatchSize") continue;  // the keys say what a mini-batch is
    const auto found = spec.find(name);
    std::string value;
    if (found != spec.end()) value = found->is_string() ? found->get<std::string>() : found->dump();
    fields.push_back({{"name", name}, {"value", value}});
  }
  return fields;
}

ordered_json resubmission(const DirectoryFacts& facts) {
  ordered_json verb = {{"allowed", true}, {"why", ""}, {"command", resubmit_command(facts)}};
  if (!facts.python.empty() && !facts.python_of_job.empty() && facts.python != facts.python_of_job)
    verb["note"] = fmt::format(
        "The job ran with {}, but this page was started with {}, so everything runs again, with that one. To "
        "take "
        "over what is done, start the page where the job's Python is active.",
        facts.python_of_job, facts.python);
  return verb;
}

ordered_json resubmit(const DirectoryFacts& facts) {
  if (const std::string why = why_not_resubmit(facts); !why.empty()) return off(why);
  ordered_json verb = resubmission(facts);
  verb["fields"] = fields_of(facts.submission);
  return verb;
}

ordered_json retry_failed(const DirectoryFacts& facts) {
  if (const std::string why = why_not_resubmit(facts); !why.empty()) return off(why);
  if (facts.failed == 0)
    return off(fmt::format("nothing has failed; `{}` makes the job anew", resubmit_command(facts)));
  return resubmission(facts);
}

}  // namespace

std::string shell_word(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("/._-+=:,@%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

ordered_json directory_verbs(const DirectoryFacts& facts) {
  return {{"cancel", cancel(facts)},
          {"suspend", off(why_not_suspend(facts))},
          {"resume", off(why_not_resume(facts))},
          {"scale", off(why_not_scale(facts))},
          {"resubmit", resubmit(facts)},
          {"retryFailed", retry_failed(facts)}};
}

Result<std::vector<std::string>> resubmit_words(const std::string& output, const nlohmann::json& arguments) {
  std::vector<std::string> words = {"resubmit", output};
  for (const auto& [name, value] : object_at(arguments, "set").items()) {
    if (std::find(kTunable.begin(), kTunable.end(), name) == kTunable.end())
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("set has '{}', but a page sets only {}; `parallelrun resubmit --set` sets any field",
                      presentable(name.substr(0, kLongestValue)), fmt::join(kTunable, ", "))};
    const std::string text = value.is_string() ? value.get<std::string>() : std::string();
    const bool fits = !text.empty() && text.size() <= kLongestValue && presentable(text) == text;
    if (!fits)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("set has no value for {}: it must be a text of 1 to {} plain characters", name,
                               kLongestValue)};
    words.insert(words.end(), {"--set", name + "=" + text});
  }
  return words;
}

}  // namespace parallelrun::web
