// The jobs whose output directories lie below some folders, as a list that is kept up to date for little: the
// folders are walked now and then, and a job's files are read when their times have changed.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runner/report/job_report.h"
#include "runner/web/world.h"

namespace parallelrun::web {

// Where a job's output lies: `root` is what the user named.
struct JobPlace {
  std::string root;   // absolute
  std::string below;  // from there; empty: it is the root
  std::string path() const { return below.empty() ? root : root + "/" + below; }
};

// May be used by several threads at once.
class DirectoryJobs {
 public:
  struct Options {
    std::vector<std::string> roots;  // absolute
    int depth = 3;                   // folders below each
    std::size_t most = 100'000;      // jobs
  };
  explicit DirectoryJobs(Options options);

  std::vector<std::string> roots() const;
  JobLines all();
  // `since`: see World::changes().
  Changes changes(std::uint64_t since, const std::vector<std::string>& watched);
  // Nothing: no such job, also after another walk.
  std::optional<JobPlace> find(const std::string& id);
  // The output directories of jobs of this name, but `id` itself.
  std::vector<JobPlace> named(const std::string& name, const std::string& id);
  // Shows the job of this output directory (absolute) too, wherever it lies; gives its id.
  std::string show(const std::string& output);
  // It is gone: nobody lists it any more.
  void forget(const std::string& id);

 private:
  using Clock = std::chrono::steady_clock;
  // Of the files that a report is made of: whether one has been written or replaced, or may be read by others
  // than before.
  using Stamps = std::array<std::uint64_t, 4>;
  struct Known {
    JobPlace place;
    Stamps stamps{};
    std::string name;
    std::string text;    // the line; empty: it could not be read
    std::string unread;  // why
    bool at_work = false;
    Clock::time_point read;
    std::uint64_t changed = 0;  // version
    std::uint64_t walk = 0;     // in which it was seen last
  };
  struct Gone {
    std::string id;
    std::uint64_t version;
  };

  void walk_if_due(Clock::duration least_age);
  void walk();
  void walk_root(const std::string& root);
  void walk_folder(const std::string& root, const std::string& below, int depth);
  void see(const std::string& root, const std::string& below);
  // Reads it again where its files have changed, or where it is at work and time alone changes its state.
  // False: it is gone.
  bool look_after(const std::string& id, Known& known);
  void remove(const std::string& id);

  const Options options_;
  mutable std::mutex mutex_;  // all below
  std::vector<std::string> roots_;
  std::map<std::string, Known> jobs_;
  std::vector<std::string> unread_;  // folders
  std::vector<Gone> gone_;
  std::uint64_t version_ = 1;
  std::uint64_t unread_version_ = 0;  // in which what cannot be read was another
  std::uint64_t walks_ = 0;
  Clock::time_point walked_;
  Clock::duration walk_took_{};
};

// The line of a job, as a document. Pure.
nlohmann::ordered_json job_line(const std::string& id, const report::JobReport& report,
                                const std::string& directory);

}  // namespace parallelrun::web
