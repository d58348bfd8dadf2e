// Results of another output directory that are good for this job too, by item [resubmission]: which ones, how
// they get here, and what is said of it. Decision 0023, docs/resubmit.md.
//
// An earlier mini-batch is one set of items whose rows cannot be told apart, so it is taken over whole or not
// at all. Its items are taken out of what is planned, or, where the order or the grouping of items is part of
// the result, it takes the place of a mini-batch that is cut in the same way.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/posix/file_descriptor.h"
#include "common/result/result.h"
#include "runner/input/input_format.h"
#include "runner/input/listing.h"
#include "runner/input/planner.h"
#include "runner/job/resolved_job.h"
#include "runner/orchestrator/server/old_plan.h"
#include "runner/orchestrator/server/reuse.h"
#include "runner/output/committed_work.h"
#include "runner/output/committer.h"
#include "runner/output/storage.h"
#include "runner/plan/plan_file.h"

namespace parallelrun::orchestrator {

inline constexpr const char* kTakenOverPath = ".parallelrun/taken_over.json";

// What was taken over, for people and programs.
struct TakenOver {
  std::string from;                // the other output directory; on a cluster the name of its job
  std::uint64_t mini_batches = 0;  // of it, also those of which parts were taken over
  std::uint64_t items = 0;
  std::uint64_t left = 0;               // mini-batches that are to be done
  std::uint64_t left_items = 0;         // of those whose items are known
  std::vector<std::string> again = {};  // what runs again, or for the first time, and why; sentence parts
};
nlohmann::json to_json(const TakenOver& taken);
std::string in_words(const TakenOver& taken);

// Objects by the digests of their paths: 16 bytes each.
class ObjectSet {
 public:
  void add(std::string_view path);
  // After the last add(), before the first contains().
  void seal();
  bool contains(std::string_view path) const;
  bool empty() const { return digests_.empty(); }

 private:
  using Digest = std::array<std::uint64_t, 2>;
  static Digest digest_of(std::string_view path);
  std::vector<Digest> digests_;
};

// One thread. look(); where it says so, plan() and then commit().
class TakeOver {
 public:
  // `from`: the other output directory; `shown`: what people know it by, empty: the same. `job` and `reuse`,
  // of this job, must outlive it.
  TakeOver(const ResolvedJob& job, const Reuse& reuse, const std::string& from, const std::string& shown,
           std::string output);

  ~TakeOver();
  TakeOver(const TakeOver&) = delete;
  TakeOver& operator=(const TakeOver&) = delete;

  // Compares the two jobs and reads what the other one has. False: nothing can be taken over, and
  // report().again says why. Errors, all sentences for the user: kNotFound (no output directory), kConflict
  // (a job is at work there), kInvalidArgument (it is this job's, or lies in an input), kCorrupt, kIo.
  Result<bool> look();
  // Writes the whole plan, the column types and the report. Lists the inputs again. Errors: the planner's,
  // kNoSpace, kIo.
  Status plan(Storage& storage);
  // Commits the rows. Errors: the committer's; kCorrupt, kIo.
  Status commit(Committer& committer);

  // Nothing is taken over after all.
  void give_up(const std::string& why);

  const TakenOver& report() const { return report_; }

 private:
  enum class Fate : std::uint8_t { kOpen, kDone, kPartly };
  enum class Why : std::uint8_t { kFailed, kShort, kNotDone, kChanged, kDamaged, kCutOtherwise };
  struct Count {
    std::uint64_t mini_batches = 0;
    std::uint64_t items = 0;
  };
  struct OldInput {
    ObjectSet same;   // objects that hold what they held
    ObjectSet taken;  // objects of what is taken over
    bool changed = false;
    std::vector<std::string> first;       // "a.txt is new"
    std::map<int, std::uint64_t> counts;  // by ContentVisit::What
  };
  struct Takeable {
    std::uint64_t id = 0;
    std::uint64_t items = 0;
    bool whole = true;
  };
  class Remaining;
  struct Writer;

  bool nothing(std::string why);
  Status read_job();
  Status lock();
  std::optional<std::string> differing_settings_in_words() const;
  Result<std::optional<std::string>> compare_surroundings();
  Status read_work();
  Status decide();
  Fate fate_of(const MiniBatch& mini_batch, bool good, std::uint64_t& items);
  Result<bool> is_same(const MiniBatch& mini_batch) const;
  static bool is_taken(const CommittedWork::Done& done);
  Status plan_taken(Writer& writer);
  Status plan_leftover(const MiniBatch& old, Writer& writer);
  Status plan_rest_of_last_object(const OldPlan& old, Writer& writer);
  Status plan_rest(Writer& writer);
  Status keep_passed_over(std::vector<PassedOver> passed, Writer& writer);
  void take(std::uint64_t id, const MiniBatch& mini_batch, std::uint64_t old, bool whole);
  void left(const MiniBatch& mini_batch);
  Status keep_types(Storage& storage) const;
  void count(Why why, std::uint64_t items);
  void explain();
  std::string below_input(const std::string& root) const;
  std::string at(const char* path) const { return output_ + "/" + path; }
  std::string root_of_input(std::uint32_t input) const;
  std::string key_of(const MiniBatch& mini_batch) const;

  const ResolvedJob& job_;
  const Reuse& reuse_;
  std::string from_;
  std::string shown_;
  const std::string output_;
  // Whether the new plan is cut as if nothing was taken over, and mini-batches are compared one by one.
  const bool matching_;

  nlohmann::json old_job_;
  nlohmann::json old_submission_;
  FileDescriptor lock_;
  std::vector<std::unique_ptr<InputFormat>> formats_;  // by input
  std::vector<OldInput> inputs_;                       // by input
  std::optional<CommittedWork> work_;
  std::vector<Fate> fates_;                   // by old mini-batch
  std::map<std::string, Takeable> takeable_;  // matching_: by key_of()
  // Those that are taken over: their number now, and there.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> taken_;
  std::set<std::uint32_t> taken_inputs_;
  std::map<Why, Count> again_;
  TakenOver report_;
};

}  // namespace parallelrun::orchestrator
