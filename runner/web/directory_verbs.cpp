#include "runner/web/directory_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "common/json/members.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

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
  const std::string why = why_not_resubmit(facts);
  const std::string of_resubmit =
      why.empty() ? fmt::format("a page starts no job: `{}` makes it anew", resubmit_command(facts)) : why;
  return {{"cancel", cancel(facts)},
          {"suspend", off(why_not_suspend(facts))},
          {"resume", off(why_not_resume(facts))},
          {"scale", off(why_not_scale(facts))},
          {"resubmit", off(of_resubmit)},
          {"retryFailed", off(of_resubmit)}};
}

}  // namespace parallelrun::web
