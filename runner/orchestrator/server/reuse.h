// Results of an earlier run that stand for this job's [allow_reuse]: whether there are any, their copy, and
// what a later job has to know of this one. On one machine, through the index of the user's runs; on a
// cluster, among the finished jobs of the namespace.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/input/listing.h"
#include "runner/job/contents_recorder.h"
#include "runner/job/finished_run.h"
#include "runner/job/namespace_runs.h"
#include "runner/job/pod_reuse.h"
#include "runner/job/resolved_job.h"
#include "runner/output/storage.h"

namespace parallelrun::orchestrator {

// Why nobody knows what the inputs of a job held.
inline constexpr const char* kBegunOtherwise =
    "the job was begun with other settings, files beside the code or packages, and went on";
inline constexpr const char* kStoppedWhileListing = "the job was stopped while its inputs were listed";
inline constexpr const char* kFetchedOtherwise =
    "a side input in a store changed after it was listed, or it is not known what a worker has fetched of it";
// In a pod a resubmission is held to less than what nobody asked for: it must not be the way around that.
inline constexpr const char* kTakenOverInPod =
    "some of them were taken over from another job, and not all that they were made with was compared";

class Reuse {
 public:
  struct Options {
    std::string index;            // directory of the RunIndex; empty: nothing is reused, and nothing kept
    std::optional<PodReuse> pod;  // in the place of an index
    std::string version;          // of this program
    bool explain = false;         // tell what differs from the nearest run
    std::string job_output;       // the output directory
    bool recorded = false;        // what inputs hold is written down also without an index
    // In a pod: where side inputs lie here, by name. Scripts run in other pods, so their Python is not looked
    // at: image and requirements stand for it.
    std::optional<std::map<std::string, std::string>> pod_side_inputs = {};
  };
  // `loud`: for the terminal, too. On the main thread.
  using Tell = std::function<void(const std::string& words, bool loud)>;

  // `job` must outlive it.
  Reuse(const ResolvedJob& job, Options options, Tell tell);

  // --- for results that are taken over by item (take_over.h) ---
  static std::string input_part(const std::string& name) { return "input " + name; }
  static constexpr const char* kSettingsPart = "settings";
  // reuse_settings(); null where results are never reused.
  const nlohmann::json& settings() const { return settings_; }
  // Why the results stand for no other job's; empty: they may.
  const std::string& never() const { return never_; }
  // Where the files of a part of the contents lie; empty: in a store, or nowhere.
  std::string root_of(const std::string& part) const;
  // Lists the inputs, and writes what they hold now to `path`. Errors: those of ContentsRecorder::finish().
  Status record_now(const std::string& path) const;
  // A file in an output directory that a script has put there; empty: none. `output_file`: that of its job.
  static std::string foreign_file(const std::string& directory, const std::string& output_file);
  // Whether what scripts read beside their items is what it was when the job began, by what was written down
  // then. `settings`: of that time.
  bool began_alike(const nlohmann::json& settings) const;

  // "'/data/out1' (finished ...)", "job 'digits' (finished ...)".
  std::string run_in_words(const FinishedRun& run) const;
  // Its output directory, or its job.
  std::string called(const FinishedRun& run) const { return runs_->called(run); }
  // Why nothing is reused.
  void tell_why_not(const std::string& words, bool loud) const;
  // What the operator has to know at the end: why nothing was reused, and the digest of what was kept for
  // later jobs.
  void tell_end(nlohmann::json& event) const;

  // The newest run whose results stand for this job's. Lists and compares the inputs, where there is a run
  // with the same settings, and only there. The output directory is ours.
  std::optional<FinishedRun> find() const;
  // Copies its results into our output directory, under our `identity`. What is copied is yet to be verified
  // (JobFiles::adopt). Errors: kConflict (they are not there any more), kNoSpace, kCorrupt, kIo.
  Status copy(const FinishedRun& run, Storage& storage, const std::string& identity) const;
  // The results that were found are no good.
  void forget(const FinishedRun& run) const;
  // The copy may be reused, too.
  void keep_copy(const FinishedRun& run, const std::string& identity) const;

  // --- planner's thread: of a job that is planned from its beginning ---
  void begin_watch();  // on the main thread, before
  std::unique_ptr<Listing> watch(std::size_t input, std::unique_ptr<Listing> listing);
  void listed();
  bool watches() const { return recorder_ != nullptr; }

  // --- main thread: side inputs in stores. What was written down of them must be what scripts get. ---
  // `who` has fetched this, as fetched_digest() says it; empty: nobody knows what.
  void on_fetched(const std::string& who, const std::string& digest);
  // The same, of the data process of this machine.
  void look_at_fetched();
  // Compares what was told, once it is written down what they were. Where one differs, nobody will take the
  // results for those of another job.
  void compare_fetched();

  // Nobody knows what the inputs held when they were planned. `why`: told when the results are not kept. The
  // first one counts.
  void cannot_watch(const std::string& why);
  // The job is complete, and no item has failed; the planner has ended. `taken_over`: some of its results are
  // those of another job that it was a resubmission of.
  void keep(const std::string& identity, bool taken_over) const;

 private:
  std::string at(const std::string& path) const { return options_.job_output + "/" + path; }
  void record_surroundings(ContentsRecorder& recorder) const;
  std::optional<FinishedRun> same_contents(const std::vector<FinishedRun>& runs,
                                           const std::string& now) const;
  Result<nlohmann::json> settings_of_all() const;
  // never(), and what else keeps results from being reused without being asked for.
  std::string why_never() const;
  void explain(const std::string& words) const;
  void explain_settings(const nlohmann::json& settings, std::vector<std::string>& problems) const;
  bool is_fetched(const std::string& side_input) const;
  static void record_objects(ContentsRecorder& recorder, const std::string& part);
  bool in_pod() const { return options_.pod_side_inputs.has_value(); }
  static std::map<std::string, std::string> places_of_side_inputs(const ResolvedJob& job,
                                                                  const Options& options);
  bool began_so() const;
  bool same_python(const std::vector<ContentPart>& parts) const;
  void add(FinishedRun run) const;

  const ResolvedJob& job_;
  const Options options_;
  const Tell tell_;
  const std::map<std::string, std::string> side_inputs_;  // by name, in pods too also those in stores
  const std::string never_;  // why the results stand for no other job's; empty: they may
  const nlohmann::json settings_;
  std::unique_ptr<KnownRuns> runs_;             // null: nothing is reused, and nothing kept
  NamespaceRuns* namespace_runs_ = nullptr;     // the same in a pod
  std::map<std::string, std::string> roots_;    // of parts whose files lie on this machine
  std::unique_ptr<ContentsRecorder> recorder_;  // planner's thread, once that runs
  bool surroundings_ = false;                   // planner's thread
  mutable std::string why_not_;                 // main thread: why nothing is reused, as it was told
  std::map<std::string, std::string> fetched_;  // main thread: digests that were told, with one who did
  std::string recorded_;                        // main thread: the digest of what was written down
  bool fetched_differ_ = false;                 // main thread
  std::string untold_;                          // why nobody knows what the inputs held; empty: it is known
};

}  // namespace parallelrun::orchestrator
