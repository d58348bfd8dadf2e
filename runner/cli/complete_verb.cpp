#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/offers.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/job/run_index.h"
#include "runner/report/failed_report.h"
#include "runner/report/job_report.h"
#include "runner/report/log_files.h"

namespace parallelrun {
namespace {

// What a shell may do besides, in the words of cobra, which kubectl speaks.
constexpr int kFilesToo = 0;
constexpr int kNoFiles = 4;
constexpr int kNoSpace = 2;
// A cluster that does not answer must not hold up who types.
constexpr unsigned kPatienceSeconds = 2;
// Folders are looked through while somebody waits.
constexpr int kDepth = 2;
// More are of no use to who reads them.
constexpr std::size_t kMostMiniBatches = 200;

bool begins(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

// "set", "-n" and "--namespace" of an option.
bool is_named(const CLI::Option& option, const char* name) {
  const auto& shorts = option.get_snames();
  const auto& longs = option.get_lnames();
  return std::find(shorts.begin(), shorts.end(), name) != shorts.end() ||
         std::find(longs.begin(), longs.end(), name) != longs.end();
}

std::string line(const std::string& word, const std::string& about) {
  return presentable(word) + "\t" + presentable(about.substr(0, about.find('\n'))) + "\n";
}

// What stands before the word that is typed.
struct Before {
  std::vector<std::string> positionals;
  std::string open;  // the last word is this option, and the typed word its value; else empty
  cluster::ClusterChoice cluster;
};

bool takes_value(const CLI::App& verb, const std::string& option) {
  const CLI::Option* known = verb.get_option_no_throw(option);
  return known != nullptr && known->get_items_expected_max() > 0;
}

void set_cluster(cluster::ClusterChoice& choice, const std::string& option, const std::string& value) {
  if (option == "-n" || option == "--namespace") choice.name_space = value;
  if (option == "--context") choice.context = value;
  if (option == "--kubeconfig") choice.kubeconfig = value;
}

Before read_before(const CLI::App& verb, const std::vector<std::string>& words) {
  Before before;
  std::string& open = before.open;
  for (const std::string& word : words) {
    if (!open.empty()) {
      set_cluster(before.cluster, open, word);
      open.clear();
    } else if (word.size() < 2 || word.front() != '-') {
      before.positionals.push_back(word);
    } else if (const std::size_t equals = word.find('='); equals != std::string::npos) {
      set_cluster(before.cluster, word.substr(0, equals), word.substr(equals + 1));
    } else if (takes_value(verb, word)) {
      open = word;
    }
  }
  return before;
}

const CLI::App* find_verb(const CLI::App& program, const std::string& name) {
  const auto found =
      program.get_subcommands([&name](const CLI::App* verb) { return verb->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

void tell(const std::vector<Offer>& offers, const std::string& start) {
  for (const Offer& offer : offers)
    if (begins(offer.word, start)) std::fputs(line(offer.word, offer.about).c_str(), stdout);
}

void tell_verbs(const CLI::App& program, const std::string& start) {
  const std::string usual = program.get_subcommand("run")->get_group();
  for (const CLI::App* verb :
       program.get_subcommands([&](const CLI::App* app) { return app->get_group() == usual; }))
    if (begins(verb->get_name(), start))
      std::fputs(line(verb->get_name(), verb->get_description()).c_str(), stdout);
}

void tell_options(const CLI::App& verb, const std::string& start) {
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames())
      if (begins("--" + name, start))
        std::fputs(line("--" + name, option->get_description()).c_str(), stdout);
  }
}

// The way that somebody began to type: "results/" of "results/di".
struct Typed {
  explicit Typed(const std::string& start)
      : whole(start), folder_words(start.substr(0, start.rfind('/') + 1)) {}
  std::string whole;
  std::string folder_words;  // empty: here

  std::string folder() const {
    if (folder_words.empty()) return ".";
    const std::size_t last = folder_words.find_last_not_of('/');
    return last == std::string::npos ? "/" : folder_words.substr(0, last + 1);
  }
  // An output directory below folder(), as it would be typed on.
  std::string typed_on(std::string directory) const {
    const std::string from = folder();
    if (from != ".") directory.erase(0, from.size());
    directory.erase(0, std::min(directory.find_first_not_of('/'), directory.size()));
    return folder_words + directory;
  }
};

// Gives how many.
std::size_t tell_directories_here(const Typed& typed) {
  std::size_t count = 0;
  for (const report::JobReport& job : report::reports_below(typed.folder(), kDepth).reports) {
    const std::string directory = typed.typed_on(job.directory);
    if (!begins(directory, typed.whole)) continue;
    std::fputs(line(directory, job.name + ": " + report::to_string(job.state)).c_str(), stdout);
    ++count;
  }
  return count;
}

// Complete runs of this user, wherever they are.
void tell_runs(const std::string& start) {
  const std::string folder = RunIndex::directory_of_user();
  std::error_code error;
  if (folder.empty() || !std::filesystem::is_directory(folder, error)) return;
  const auto index = RunIndex::open(folder);
  if (!index) return;
  std::vector<std::string> ignored;
  for (const FinishedRun& run : index->all(ignored))
    if (begins(run.output, start)) std::fputs(line(run.output, run.name + ": Complete").c_str(), stdout);
}

void tell_directories(const std::string& start) {
  const bool any_place = start.empty() || start.front() == '/';
  if (tell_directories_here(Typed(start)) == 0 && any_place) tell_runs(start);
}

void tell_names(const cluster::ClusterChoice& choice, const std::string& start) {
  const auto connection = connect(choice);
  if (!connection) return;
  const auto listed = cluster::Jobs(*connection, {}).list(false);
  if (!listed) return;
  for (const cluster::ListedJob& job : *listed)
    if (begins(job.name, start)) std::fputs(line(job.name, job.state).c_str(), stdout);
}

// Files and folders of the log tree, and the processes and nodes whose name stands for several of them.
void tell_logs(const std::string& directory, const std::string& start) {
  const auto files = report::log_files(directory);
  if (!files) return;
  std::map<std::string, std::string> words;
  for (const report::LogFile& file : *files) {
    words.emplace(file.name, short_size(file.bytes));
    const std::filesystem::path path(file.name);
    for (std::filesystem::path part = path.parent_path(); !part.empty(); part = part.parent_path())
      words.emplace(part.string(), "all files of this folder");
    if (const std::string stem = path.stem().string(); begins(stem, "process"))
      words.emplace(stem, "this process on all nodes");
  }
  for (const auto& [word, about] : words)
    if (begins(word, start)) std::fputs(line(word, about).c_str(), stdout);
}

// Those that failed, each once.
void tell_failed_mini_batches(const std::string& directory, const std::string& start) {
  std::set<std::string> told;
  (void)report::for_each_failed(directory, [&](const report::FailedItem& item) {
    if (begins(item.mini_batch, start) && told.insert(item.mini_batch).second)
      std::fputs(line(item.mini_batch, item.error).c_str(), stdout);
    return told.size() < kMostMiniBatches;
  });
}

// The value of an option, where there is a list of them.
int tell_values(const CLI::Option& option, const cluster::ClusterChoice& choice, const std::string& start) {
  if (is_named(option, "set")) {
    const std::vector<Offer> offers = offered_fields(start);
    tell(offers, start);
    return kNoFiles | (start.find('=') == std::string::npos ? kNoSpace : 0);
  }
  if (is_named(option, "namespace")) {
    tell(offered_namespaces(choice), start);
    return kNoFiles;
  }
  const std::vector<std::string> words = words_of_form_option(option);
  for (const std::string& word : words)
    if (begins(word, start)) std::fputs(line(word, "").c_str(), stdout);
  return words.empty() ? kFilesToo : kNoFiles;
}

// What stands behind the name of a job in a cluster. What it holds is on a volume, which only a pod can
// mount, and nobody waits for that while he types: so, what its objects say.
int tell_parts_in_cluster(const CLI::App& verb, const Before& before, const std::string& start) {
  const std::string& job = before.positionals.front();
  if (verb.get_option_no_throw("LOG") != nullptr)
    tell(offered_logs(before.cluster, job), start);
  else if (verb.get_option_no_throw("MINI-BATCH") != nullptr && before.positionals.size() == 1)
    tell(offered_mini_batches(before.cluster, job, start, kMostMiniBatches), start);
  return kNoFiles;
}

// What stands behind an output directory: a part of what it holds.
int tell_parts(const CLI::App& verb, const Before& before, const std::string& start) {
  const std::string& directory = before.positionals.front();
  if (is_in_cluster(directory, before.cluster)) return tell_parts_in_cluster(verb, before, start);
  if (verb.get_option_no_throw("LOG") != nullptr) {
    tell_logs(directory, start);
    return kNoFiles;
  }
  if (verb.get_option_no_throw("MINI-BATCH") == nullptr) return kFilesToo;
  if (before.positionals.size() == 1) tell_failed_mini_batches(directory, start);
  return kNoFiles;
}

// Gives what the shell may do besides.
int tell_jobs(const CLI::App& verb, const Before& before, const std::string& start) {
  const CompletedJobs jobs = completed_jobs(verb);
  if (!before.positionals.empty()) return tell_parts(verb, before, start);
  if (jobs == CompletedJobs::kNone) return kFilesToo;
  const bool is_path = start.find('/') != std::string::npos;
  // A word without '/' is a name for the plugin.
  const bool here =
      jobs == CompletedJobs::kHere ||
      (jobs == CompletedJobs::kBoth && !before.cluster.given() && (is_path || !is_kubectl_plugin()));
  if (here) tell_directories(start);
  // What is known stands even if the next step takes too long.
  std::fflush(stdout);
  // Of a word that may still become a path or a name: is there a cluster at all?
  const bool may_be_name = jobs != CompletedJobs::kHere && !is_path;
  if (may_be_name && (!here || is_in_cluster("any-job", before.cluster))) tell_names(before.cluster, start);
  return here ? kFilesToo : kNoFiles;
}

}  // namespace

CompletedJobs completed_jobs(const CLI::App& verb) {
  if (verb.get_option_no_throw("JOB") != nullptr) return CompletedJobs::kBoth;
  if (verb.get_option_no_throw("OUTPUT") != nullptr) return CompletedJobs::kHere;
  const bool of_clusters =
      verb.get_option_no_throw("NAME") != nullptr && verb.get_option_no_throw("--namespace") != nullptr;
  return of_clusters ? CompletedJobs::kInCluster : CompletedJobs::kNone;
}

int complete(const CLI::App& program, std::vector<std::string> words) {
  // Shells show what is printed, errors too.
  if (std::freopen("/dev/null", "w", stderr) == nullptr) return kExitFailed;
  std::signal(SIGALRM, [](int) { _exit(kExitComplete); });
  alarm(kPatienceSeconds);
  const std::string typed = words.empty() ? "" : words.back();
  if (!words.empty()) words.pop_back();
  int besides = kNoFiles;
  if (words.empty()) {
    tell_verbs(program, typed);
  } else if (const CLI::App* verb = find_verb(program, words.front())) {
    words.erase(words.begin());
    const CLI::App* inner = words.empty() ? nullptr : find_verb(*verb, words.front());
    if (inner != nullptr) {  // datasets list
      verb = inner;
      words.erase(words.begin());
    }
    const Before before = read_before(*verb, words);
    if (!before.open.empty()) {
      besides = tell_values(*verb->get_option(before.open), before.cluster, typed);
    } else if (!typed.empty() && typed.front() == '-') {
      tell_options(*verb, typed);
    } else if (inner != nullptr) {
      besides = kFilesToo;
    } else if (const auto inside = verb->get_subcommands({}); !inside.empty()) {
      for (const CLI::App* each : inside) tell({{each->get_name(), each->get_description()}}, typed);
    } else {
      besides = tell_jobs(*verb, before, typed);
    }
  }
  std::fputs(fmt::format(":{}\n", besides).c_str(), stdout);
  return std::fflush(stdout) == 0 ? kExitComplete : kExitFailed;
}

}  // namespace parallelrun
