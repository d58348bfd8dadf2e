// The log of an output in a store, under the real committer: whatever is killed, whoever takes over, each
// commit that was acknowledged is there once, and nobody who was passed by is heard.
#include "runner/output/commit_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "faulty_store.h"
#include "memory_storage.h"
#include "runner/output/committer.h"
#include "runner/output/log_steps.h"
#include "runner/output/logged_storage.h"
#include "runner/output/state_files.h"

namespace parallelrun {
namespace {

constexpr const char* kRows = "rows.txt";
constexpr const char* kPlan = ".parallelrun/plan";

CommitLog::Options log_options(const std::string& token) {
  CommitLog::Options options;
  options.token = token;
  options.claim = "{\"who\": \"" + token + "\"}";
  options.objects_to_segment = 6;
  options.bytes_of_segment = 64;
  return options;
}

// A plan of one byte for each mini-batch, written as the planner writes it: nobody makes it durable but the
// commit.
class OneBytePlan final : public PlanDurability {
 public:
  explicit OneBytePlan(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Status settle(std::uint64_t) override { return {}; }
  Status make_durable(std::uint64_t mini_batches) override {
    EXPECT_GE(*file_->size(), mini_batches);
    return {};
  }
  void plan_to(std::uint64_t mini_batches) {
    while (*file_->size() < mini_batches) static_cast<void>(file_->append("p"));
  }
  std::uint64_t length() { return *file_->size(); }

 private:
  std::unique_ptr<File> file_;
};

// One orchestrator, on a machine of its own.
struct Process {
  FaultyStore::Client log_client;
  FaultyStore::Client client;
  MemoryStorage local;
  std::unique_ptr<CommitLog> log;
  std::unique_ptr<LoggedStorage> storage;
  std::unique_ptr<OneBytePlan> plan;
  std::unique_ptr<Committer> committer;
  RecoveredJob job;

  explicit Process(FaultyStore& store) : log_client(store), client(store) {}

  Status start(const std::string& token) {
    auto opened = CommitLog::open(
        log_client, local,
        [this]() -> Status {
          local.files.clear();
          return {};
        },
        log_options(token));
    if (!opened) return opened.error();
    log = std::move(*opened);
    storage = std::make_unique<LoggedStorage>(local, *log, client);
    if (const Status claimed = log->claim(); !claimed) return claimed;
    auto file = storage->open(kPlan);
    if (!file) return file.error();
    plan = std::make_unique<OneBytePlan>(std::move(*file));
    auto committed = Committer::open(*storage, *plan, {kRows, "job"});
    if (!committed) return committed.error();
    committer = std::move(committed->committer);
    job = std::move(committed->job);
    if (job.ended == JobState::kComplete) return {};
    return committer->start(job, plan->length());
  }
};

std::string row_of(std::uint64_t id) { return "row " + std::to_string(id) + "\n"; }

class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed), store_(seed) {}

  void run() {
    for (int life = 0; life < 40 && !testing::Test::HasFailure(); ++life) {
      store_.kill_after(chance(3) ? -1 : static_cast<std::int64_t>(random_() % 25));
      try {
        live(life);
      } catch (const FaultyStore::Killed&) {
        process_.reset();
      }
      // Somebody who stood still goes on, and must not be heard.
      store_.kill_after(-1);
      if (paused_ && passed_by_ && chance(2)) wake();
    }
    Process last(store_);
    ASSERT_TRUE(last.start("last"));
    check(last);
    EXPECT_GT(acknowledged_.size(), 10U);
    EXPECT_LT(store_.most_objects, 40U + acknowledged_.size());
  }

 private:
  bool chance(std::uint64_t one_in) { return random_() % one_in == 0; }

  void live(int life) {
    process_ = std::make_unique<Process>(store_);
    const Status started = process_->start("process" + std::to_string(life));
    ASSERT_TRUE(started) << started.error().message;
    passed_by_ = paused_ != nullptr;
    check(*process_);
    if (chance(6)) rewrite(*process_);
    for (std::uint64_t groups = random_() % 12; groups > 0; --groups) {
      if (!commit(*process_)) ADD_FAILURE() << "the only orchestrator is taken for an old one";
    }
    if (chance(3) && !paused_) {
      paused_ = std::move(process_);
      passed_by_ = false;
    } else {
      if (chance(2)) process_->log->release();
      process_.reset();
    }
  }

  // False: it was passed by.
  bool commit(Process& process) {
    CommitGroup group;
    for (std::uint64_t more = 1 + random_() % 3; more > 0; --more) {
      const std::uint64_t id = process.job.ledger.end();
      CommitEntry entry{CommitEntry::Kind::kSucceeded, {{id}}, id + 1, 1, 0};
      process.plan->plan_to(id + 1);
      process.job.ledger.add(entry);
      group.entries.push_back(entry);
      group.rows.push_back(row_of(id));
    }
    const Status written = process.committer->write(group);
    if (!written) {
      EXPECT_EQ(written.error().code, ErrorCode::kAborted) << written.error().message;
      return false;
    }
    for (const CommitEntry& entry : group.entries) acknowledged_.insert(entry.work.mini_batch.value);
    return true;
  }

  void wake() {
    const auto before = acknowledged_;
    EXPECT_FALSE(commit(*paused_));
    EXPECT_EQ(before, acknowledged_);
    EXPECT_FALSE(paused_->storage->still_ours());
    EXPECT_FALSE(commit(*paused_));
    paused_.reset();
  }

  // As at the end of a job: files that are objects of the store are named by the log.
  void rewrite(Process& process) {
    std::vector<std::string> files;
    for (const auto& [path, content] : process.local.files) files.push_back(path);
    std::map<std::string, LogObject> published;
    // What the log names must not change.
    if (process.log->names_published()) {
      ASSERT_TRUE(process.log->rewrite(files, {}));
    }
    if (chance(2)) {
      const std::string& rows = process.local.at(kRows);
      ASSERT_TRUE(process.client.put(kRows, rows));
      published[kRows] = {kRows, rows.size(), "v"};
    }
    const Status done = process.log->rewrite(files, published);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(process.log->names_published(), !published.empty());
  }

  void check(Process& process) {
    std::string expected;
    for (std::uint64_t id = 0; id < process.job.ledger.end(); ++id) expected += row_of(id);
    EXPECT_EQ(process.local.at(kRows), expected);
    EXPECT_EQ(process.job.ledger.finished(), process.job.ledger.end());
    for (const std::uint64_t id : acknowledged_) {
      EXPECT_FALSE(process.job.ledger.is_open({{id}}))
          << "mini-batch " << id << " was acknowledged, and is lost";
    }
  }

  std::mt19937_64 random_;
  FaultyStore store_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<Process> paused_;
  bool passed_by_ = false;  // paused_, by one who has claimed the job
  std::set<std::uint64_t> acknowledged_;
};

TEST(CommitLog, EachAcknowledgedCommitIsThereOnceWhateverHappens) {
  const char* given = std::getenv("PARALLELRUN_WALK_SEEDS");
  const std::uint64_t seeds = given != nullptr ? std::strtoull(given, nullptr, 10) : 150;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Walk(seed).run();
    if (HasFailure()) return;
  }
}

TEST(CommitLog, AnObjectThatIsMissingOrDamagedIsRefused) {
  FaultyStore store(1);
  {
    Process process(store);
    ASSERT_TRUE(process.start("one"));
  }
  ASSERT_GT(store.objects.size(), 2U);
  const auto whole = store.objects;
  for (const auto& [name, content] : whole) {
    const bool last = name == whole.rbegin()->first;
    store.objects = whole;
    store.objects.erase(name);
    // Without the last one it is the state before: a store that loses what it has confirmed is beyond help.
    if (!last) {
      Process process(store);
      const Status refused = process.start("two");
      ASSERT_FALSE(refused) << name;
      EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
      EXPECT_NE(refused.error().message.find(name), std::string::npos) << refused.error().message;
    }
    for (std::size_t at = 0; at < content.size(); at += 1 + content.size() / 16) {
      store.objects = whole;
      store.objects[name][at] ^= 4;
      Process process(store);
      const Status refused = process.start("two");
      ASSERT_FALSE(refused) << name << " at " << at;
      EXPECT_NE(refused.error().message.find("--overwrite"), std::string::npos) << refused.error().message;
    }
  }
}

// Whoever may write to the store may not write to the machine that replays the log.
TEST(CommitLog, NoStepLeavesTheOutput) {
  MemoryStorage local;
  local.at("here") = "x";
  StepReplay replay(local, [](const LogObject&, File&) -> Status { return {}; });
  for (const char* path : {"", ".", "..", "../rows.txt", "/etc/rows.txt", "logs/../../rows.txt"}) {
    for (const std::string& step :
         {append_step(path, 0, "x"), truncate_step(path, 0), rename_step(path, "to"),
          rename_step("here", path), remove_step(path), remove_tree_step(path), copy_step(path, 1, "to"),
          copy_step("here", 1, path), fetch_step(path, {"rows.txt", 1, "v"})}) {
      const Status refused = replay.apply("the object", step);
      ASSERT_FALSE(refused) << path;
      EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt) << path;
    }
  }
  EXPECT_EQ(local.files.size(), 1U);
}

TEST(CommitLog, ALogThatIsGivenUpHoldsNothing) {
  FaultyStore store(2);
  Process before(store);
  ASSERT_TRUE(before.start("before"));
  // What cannot be read stays where it is, and is no reason to refuse the log that came after it.
  store.objects.begin()->second[3] ^= 4;
  FaultyStore::Client client(store);
  MemoryStorage local;
  auto anew = CommitLog::begin_anew(client, local, log_options("anew"));
  ASSERT_TRUE(anew) << anew.error().message;
  // Whoever had it is passed by.
  EXPECT_FALSE(write_atomically(*before.storage, ".parallelrun/run", "1"));
  Process after(store);
  ASSERT_TRUE(after.start("after"));
  EXPECT_EQ(after.job.ledger.finished(), 0U);
  EXPECT_EQ(after.log->predecessor(), log_options("anew").claim);
}

TEST(CommitLog, WhoHasSaidThatItEndedIsNoPredecessor) {
  FaultyStore store(3);
  {
    Process process(store);
    ASSERT_TRUE(process.start("one"));
    process.log->release();
  }
  Process process(store);
  ASSERT_TRUE(process.start("two"));
  EXPECT_EQ(process.log->predecessor(), "");
}

TEST(CommitLog, WhoIsPassedByIsToldByWhom) {
  FaultyStore store(3);
  Process process(store);
  ASSERT_TRUE(process.start("one"));
  // The same, with a word about whoever comes next.
  CommitLog::Options options = log_options("two");
  std::string told;
  options.passed_by = [&](std::string_view claim) -> std::optional<Error> {
    told = claim;
    return Error{ErrorCode::kConflict, "another job", false};
  };
  FaultyStore::Client client(store);
  MemoryStorage local;
  const auto clear = [&]() -> Status {
    local.files.clear();
    return {};
  };
  auto log = CommitLog::open(client, local, clear, options);
  ASSERT_TRUE(log);
  ASSERT_TRUE((*log)->claim());
  const Status first = process.log->prove();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, ErrorCode::kAborted);
  Process third(store);
  ASSERT_TRUE(third.start("three"));
  const Status second = (*log)->prove();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_EQ(told, log_options("three").claim);
  EXPECT_FALSE((*log)->still_ours());
}

// A predecessor is at work until the next number is another's.
TEST(CommitLog, WhatIsCommittedWhileTheLogIsReadIsThere) {
  FaultyStore store(5);
  Process before(store);
  ASSERT_TRUE(before.start("one"));
  // So that the log is not put together in between.
  ASSERT_TRUE(before.log->rewrite({kPlan}, {}));
  Process after(store);
  auto log = CommitLog::open(after.log_client, after.local, [] { return Status(); }, log_options("two"));
  ASSERT_TRUE(log) << log.error().message;
  ASSERT_TRUE(write_atomically(*before.storage, ".parallelrun/run", "late"));
  ASSERT_TRUE((*log)->claim());
  EXPECT_EQ(after.local.at(".parallelrun/run"), "late");
  EXPECT_FALSE(write_atomically(*before.storage, ".parallelrun/run", "too late"));
  Process third(store);
  auto replayed =
      CommitLog::open(third.log_client, third.local, [] { return Status(); }, log_options("three"));
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(third.local.at(".parallelrun/run"), "late");
}

// The numbers that it asks for are free then, or gone when it reads them.
TEST(CommitLog, ALogThatIsPutTogetherWhileItIsTakenOverIsReadAnew) {
  for (int late = 0; late < 30; ++late) {
    FaultyStore store(6);
    Process before(store);
    ASSERT_TRUE(before.start("one"));
    ASSERT_TRUE(before.log->rewrite({kPlan}, {}));
    Process after(store);
    auto log = CommitLog::open(
        after.log_client, after.local,
        [&after]() -> Status {
          after.local.files.clear();
          return {};
        },
        log_options("two"));
    ASSERT_TRUE(log) << log.error().message;
    std::string all;
    ASSERT_TRUE(before.log->truncate("rows", 0));
    for (int i = 0; i <= late; ++i) {
      ASSERT_TRUE(before.log->append("rows", all.size(), "x"));
      ASSERT_TRUE(before.log->ship());
      all += "x";
    }
    const Status claimed = (*log)->claim();
    ASSERT_TRUE(claimed) << late << ": " << claimed.error().message;
    EXPECT_EQ(after.local.at("rows"), all) << late;
    EXPECT_EQ((*log)->predecessor(), log_options("one").claim);
    ASSERT_TRUE(before.log->append("rows", all.size(), "too late"));
    EXPECT_FALSE(before.log->ship());
    ASSERT_TRUE((*log)->append("rows", all.size(), "y"));
    ASSERT_TRUE((*log)->ship());
    MemoryStorage local;
    auto third = CommitLog::open(after.client, local, [] { return Status(); }, log_options("three"));
    ASSERT_TRUE(third) << late << ": " << third.error().message;
    EXPECT_EQ(local.at("rows"), all + "y") << late;
  }
}

// Neither a new name nor an old one leads what an open file gets to another file.
TEST(CommitLog, AnOpenFileKeepsItsContentUnderItsNewName) {
  FaultyStore store(4);
  Process process(store);
  ASSERT_TRUE(process.start("one"));
  LoggedStorage& storage = *process.storage;
  auto moved = storage.open(".parallelrun/a");
  ASSERT_TRUE((*moved)->append("1"));
  ASSERT_TRUE(storage.rename(".parallelrun/a", ".parallelrun/b"));
  ASSERT_TRUE((*moved)->append("2"));
  auto replaced = storage.open(".parallelrun/c");
  ASSERT_TRUE((*replaced)->append("old"));
  ASSERT_TRUE(storage.rename(".parallelrun/b", ".parallelrun/c"));
  ASSERT_TRUE((*replaced)->append("nobody's"));
  ASSERT_TRUE((*moved)->append("3"));
  ASSERT_TRUE(storage.copy(".parallelrun/c", 2, ".parallelrun/d"));
  ASSERT_TRUE(storage.fence());
  Process other(store);
  ASSERT_TRUE(other.start("two"));
  EXPECT_EQ(other.local.at(".parallelrun/c"), "123");
  EXPECT_EQ(other.local.at(".parallelrun/d"), "12");
  EXPECT_EQ(other.local.files.count(".parallelrun/b"), 0U);
}

}  // namespace
}  // namespace parallelrun
