// Commit and recovery on a real directory, and byte by byte on one in memory.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "common/json/json.h"
#include "memory_storage.h"
#include "runner/output/committer.h"
#include "runner/output/disk_storage.h"
#include "runner/output/failed_items.h"
#include "runner/output/staged_rows.h"
#include "runner/output/state_files.h"

namespace parallelrun {
namespace {

const Committer::Options kOptions{"rows.txt", "job"};

CommitEntry succeeded(std::uint64_t id, std::uint64_t items = 2, std::uint64_t shortfall = 0) {
  return {CommitEntry::Kind::kSucceeded, {id}, id + 1, items, shortfall};
}
CommitEntry failed(std::uint64_t id, std::uint64_t items = 2) {
  return {CommitEntry::Kind::kFailed, {id}, id + 1, items, items};
}
CommitEntry try_failed(std::uint64_t id) { return {CommitEntry::Kind::kTryFailed, {id}, id + 1, 2, 2}; }

std::string failed_text(std::uint64_t id) {
  return failed_line({{id}}, {{id}, 0, 2, {}}, {}, "images", 3,
                     {ErrorPhase::kRun, "ValueError", "bad digit", ""});
}

JobResult ended(JobState state) {
  JobResult result;
  result.state = state;
  return result;
}

Committer::Opened open(Storage& storage, DurablePlan& plan) {
  auto opened = Committer::open(storage, plan, kOptions);
  EXPECT_TRUE(opened) << opened.error().message;
  return opened ? std::move(opened).value() : Committer::Opened{};
}

// Three groups: rows; rows with a failed mini-batch, a shortfall and a failed try; rows.
void commit_some(Storage& storage, DurablePlan& plan) {
  auto job = open(storage, plan);
  ASSERT_TRUE(job.committer->start(job.job, 10));
  ASSERT_TRUE(job.committer->write({1, {succeeded(0), succeeded(1)}, {"a\n", "b\nc\n"}, {}, {}, {}}));
  ASSERT_TRUE(job.committer->write({2,
                                    {succeeded(2, 5, 3), failed(4), try_failed(3)},
                                    {"d\n"},
                                    shortfall_line({2}, {}, "images", 5, 2) + failed_text(4),
                                    {},
                                    {}}));
  ASSERT_TRUE(job.committer->write({3, {succeeded(5)}, {"e\n"}, {}, {}, {}}));
}

TEST(Recovery, OnARealDirectoryGoesOnFromWhatIsCommitted) {
  const std::filesystem::path directory = std::filesystem::path(testing::TempDir()) / "recovery_test";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  DiskStorage storage(directory);
  DurablePlan plan;
  commit_some(storage, plan);
  EXPECT_EQ(plan.asked, 6U) << "the plan is durable before what it holds is committed";
  // What a crash in the middle of the next commit leaves.
  std::ofstream(directory / "rows.txt", std::ios::app) << "torn row";
  std::ofstream(directory / kFailedItemsPath, std::ios::app) << "{\"kind\":\"shor";
  std::ofstream(directory / kJournalPath, std::ios::app) << "\x10";

  auto job = open(storage, plan);
  EXPECT_EQ(job.job.ledger.counts().succeeded, 4U);
  EXPECT_EQ(job.job.ledger.counts().failed, 1U);
  EXPECT_EQ(job.job.ledger.counts().items_succeeded, 8U);
  EXPECT_EQ(job.job.ledger.counts().items_failed, 5U);
  EXPECT_EQ(job.job.tries.at({{3}}), 1U);
  EXPECT_EQ(job.job.ledger.frontier(), 3U);
  ASSERT_EQ(job.job.first_errors.size(), 2U);
  EXPECT_EQ(job.job.first_errors[0].message, shortfall_error({2}, "images", 5, 2).message);
  EXPECT_EQ(job.job.first_errors[1].message, "bad digit");
  ASSERT_TRUE(job.committer->start(job.job, 10));
  EXPECT_EQ(job.job.epoch, 2U);
  ASSERT_TRUE(job.committer->write({1, {succeeded(3)}, {"f\n"}, {}, {}, ended(JobState::kComplete)}));
  std::ostringstream rows;
  rows << std::ifstream(directory / "rows.txt").rdbuf();
  EXPECT_EQ(rows.str(), "a\nb\nc\nd\ne\nf\n");
  EXPECT_TRUE(std::filesystem::exists(directory / "_SUCCESS"));
  EXPECT_EQ(open(storage, plan).job.ended, JobState::kComplete);
  std::filesystem::remove_all(directory);
}

TEST(Recovery, OfAJournalTornAtEveryByteCutsOutputAndFailedItemsToMatch) {
  DurablePlan plan;
  MemoryStorage whole;
  commit_some(whole, plan);
  const std::string journal = whole.at(kJournalPath);
  const std::size_t header = [&] {
    MemoryStorage fresh;
    EXPECT_TRUE(JournalWriter::create(fresh, "job"));
    return fresh.at(kJournalPath).size();
  }();
  std::set<std::string> seen;
  for (std::size_t cut = header; cut <= journal.size(); ++cut) {
    MemoryStorage storage = whole.copy();
    storage.at(kJournalPath).resize(cut);
    auto job = open(storage, plan);
    ASSERT_TRUE(job.committer);
    EXPECT_EQ(storage.at("rows.txt").size(), job.job.output_length) << cut;
    EXPECT_EQ(storage.at(kFailedItemsPath).size(), job.job.failed_items_length) << cut;
    EXPECT_EQ(storage.at(kJournalPath).size() + job.job.torn_bytes, cut) << "what is cut off is told";
    seen.insert(storage.at("rows.txt"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "a\nb\nc\n", "a\nb\nc\nd\n", "a\nb\nc\nd\ne\n"}));
}

// What no record of the journal speaks of may never have reached the disk: it is written again, and synced.
TEST(Recovery, SettlesThePlanBehindWhatTheJournalSpeaksOf) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);  // its epoch speaks of 10 mini-batches
  auto job = open(storage, plan);
  ASSERT_TRUE(job.committer->start(job.job, 14));
  EXPECT_EQ(plan.settled, 10U);
  job = open(storage, plan);
  ASSERT_TRUE(job.committer->start(job.job, 14));
  EXPECT_EQ(plan.settled, 14U) << "the epoch before has settled them";
}

TEST(Recovery, AJournalThatOutlivedItsRowsIsTakenBackByThatCommit) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  storage.at("rows.txt").replace(8, 2, std::string(2, '\0'));  // the rows of the last group
  auto job = open(storage, plan);
  EXPECT_EQ(job.job.lost_groups, 1U);
  EXPECT_TRUE(job.job.ledger.is_open({{5}}));
  EXPECT_EQ(storage.at("rows.txt"), "a\nb\nc\nd\n");
  ASSERT_TRUE(job.committer->start(job.job, 10));
  EXPECT_EQ(job.job.epochs.back().plan_length, 0U) << "no result of an earlier epoch is good any more";
}

// Every byte of both files, changed in every way that a disk or a person may change it, is refused by name
// and place, or (where the disk has lost the end) done again.
TEST(Recovery, OfAJobInTheMiddleFindsEachChangedByteAndEachCut) {
  DurablePlan plan;
  MemoryStorage whole;
  commit_some(whole, plan);
  for (const std::string path : {"rows.txt", kFailedItemsPath}) {
    for (std::size_t at = 0; at < whole.at(path).size(); ++at) {
      MemoryStorage flipped = whole.copy();
      flipped.at(path)[at] ^= 4;
      const auto refused = Committer::open(flipped, plan, kOptions);
      ASSERT_FALSE(refused) << path << " byte " << at;
      EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
      EXPECT_TRUE(refused.error().message.starts_with(path + " no longer holds the "));
      EXPECT_NE(refused.error().message.find("have changed (of mini-batch "), std::string::npos)
          << refused.error().message;
      EXPECT_NE(refused.error().message.find("--overwrite"), std::string::npos);
      for (const bool cut : {true, false}) {
        MemoryStorage lost = whole.copy();
        std::string& content = lost.at(path);
        cut ? content.resize(at) : void(content.replace(at, content.size() - at, content.size() - at, '\0'));
        auto job = open(lost, plan);
        ASSERT_TRUE(job.committer);
        EXPECT_GT(job.job.lost_groups, 0U) << path << " from byte " << at;
        EXPECT_TRUE(job.job.lost.starts_with(path)) << job.job.lost;
        EXPECT_TRUE(whole.at("rows.txt").starts_with(lost.at("rows.txt")));
        EXPECT_EQ(lost.at("rows.txt").size(), job.job.output_length);
        EXPECT_EQ(lost.at(kFailedItemsPath).size(), job.job.failed_items_length);
      }
    }
  }
}

TEST(Recovery, NamesTheBytesAndTheMiniBatchesThatAreNotThere) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  storage.at("rows.txt")[2] = 'x';
  const auto opened = Committer::open(storage, plan, kOptions);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message,
            "rows.txt no longer holds the 10 bytes that were committed to it: bytes 0 to 5 have changed "
            "(of mini-batch 0 and 1 more). It was changed, moved or damaged; restore it, or begin anew "
            "with an empty or another output directory, or with parallelrun run --overwrite");
}

TEST(Recovery, OfAnEarlierRunsShortfallsFindsAChangedByte) {
  DurablePlan plan;
  MemoryStorage whole;
  commit_some(whole, plan);
  {
    auto job = open(whole, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
    ASSERT_TRUE(job.committer->write({1, {}, {}, {}, {}, ended(JobState::kFailed)}));
  }
  {
    auto job = open(whole, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
  }
  ASSERT_TRUE(open(whole, plan).committer);
  for (std::size_t at = 0; at < whole.at(kFailedItemsPath).size(); ++at) {
    MemoryStorage storage = whole.copy();
    storage.at(kFailedItemsPath)[at] ^= 1;
    EXPECT_FALSE(Committer::open(storage, plan, kOptions)) << at;
  }
}

TEST(Recovery, AFileThatIsCutWhileTheJobRunsIsNotWrittenOn) {
  DurablePlan plan;
  for (const std::string path : {"rows.txt", kFailedItemsPath}) {
    for (const std::size_t length : {0, 3, 1000}) {
      MemoryStorage storage;
      commit_some(storage, plan);
      auto job = open(storage, plan);
      ASSERT_TRUE(job.committer->start(job.job, 10));
      storage.at(path).resize(length);
      const Status written = job.committer->write({1, {succeeded(3)}, {"f\n"}, {}, {}, {}});
      ASSERT_FALSE(written) << path << " " << length;
      EXPECT_EQ(written.error().code, ErrorCode::kCorrupt);
      EXPECT_NE(written.error().message.find(path), std::string::npos) << written.error().message;
      EXPECT_EQ(storage.at(path).size(), length);
    }
  }
}

TEST(Recovery, OfAJobThatComesToItsEndChecksEveryByteBeforeItIsComplete) {
  DurablePlan plan;
  for (const std::string path : {"rows.txt", kFailedItemsPath, kJournalPath}) {
    for (const std::string befalls : {"changed", "replaced", "removed", "cut"}) {
      MemoryStorage storage;
      commit_some(storage, plan);
      auto job = open(storage, plan);
      ASSERT_TRUE(job.committer->start(job.job, 10));
      if (befalls == "changed") storage.at(path)[storage.at(path).size() / 2] ^= 1;
      if (befalls == "replaced") storage.files[path] = std::make_shared<std::string>("other");
      if (befalls == "removed") storage.files.erase(path);
      if (befalls == "cut") storage.at(path).resize(storage.at(path).size() / 2);
      const Status written = job.committer->write({1, {}, {}, {}, {}, ended(JobState::kComplete)});
      ASSERT_FALSE(written) << path << " " << befalls;
      EXPECT_EQ(written.error().code, ErrorCode::kCorrupt);
      EXPECT_EQ(storage.files.count(kSuccessPath), 0U);
      EXPECT_EQ(storage.files.count(path), befalls == "removed" ? 0U : 1U);
    }
  }
}

Committer::Options staged_options(OutputFormat format = OutputFormat::kText) {
  Committer::Options options = kOptions;
  options.output_file = kStagedRowsPath;
  options.sealed_file = "rows.txt";
  Output output;
  output.format = format;
  output.order = OutputOrder::kInput;
  options.rows = row_file_maker(output);
  return options;
}

CommitGroup rows_of(std::uint64_t id, std::string rows, std::optional<JobResult> end = {}) {
  CommitGroup group{1, {succeeded(id)}, {std::move(rows)}, {}, {}, std::move(end)};
  group.rows_of = {{id}};
  return group;
}

TEST(Recovery, RowsInTheOrderOfTheInputAreThereAtTheEndOfTheJob) {
  for (const JobState state : {JobState::kComplete, JobState::kFailed, JobState::kInterrupted}) {
    MemoryStorage storage;
    DurablePlan plan;
    auto job = Committer::open(storage, plan, staged_options());
    ASSERT_TRUE(job) << job.error().message;
    ASSERT_TRUE(job->committer->start(job->job, 4));
    ASSERT_TRUE(job->committer->write(rows_of(3, "d\n")));
    // Of what is split, the numbers of the parts have another order than their items.
    CommitGroup split = rows_of(1, "b3\n");
    split.rows_of = {{{1}, 3}};
    split.entries = {{CommitEntry::Kind::kSplit, {{1}}, 5, 4, 0},
                     {CommitEntry::Kind::kSucceeded, {{1}, 3}, 6, 2, 0}};
    ASSERT_TRUE(job->committer->write(split));
    EXPECT_EQ(storage.files.count("rows.txt"), 0U);
    CommitGroup last = rows_of(0, "a\n", ended(state));
    last.entries.push_back({CommitEntry::Kind::kSplit, {{1}, 2}, 7, 2, 0});
    for (const std::uint32_t part : {5U, 4U}) {
      last.rows_of.push_back({{1}, part});
      last.entries.push_back({CommitEntry::Kind::kSucceeded, {{1}, part}, part, 1, 0});
      last.rows.push_back(part == 4 ? "b1\n" : "b2\n");
    }
    ASSERT_TRUE(job->committer->write(last));
    EXPECT_EQ(storage.at("rows.txt"), state == JobState::kInterrupted ? "" : "a\nb1\nb2\nb3\nd\n");
    EXPECT_EQ(storage.files.count(kStagedRowsPath), state == JobState::kComplete ? 0U : 1U);
    if (state != JobState::kFailed) continue;
    // What is there stays until the next end.
    auto again = Committer::open(storage, plan, staged_options());
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_TRUE(again->committer->start(again->job, 4));
    EXPECT_EQ(storage.at("rows.txt"), "a\nb1\nb2\nb3\nd\n");
    ASSERT_TRUE(again->committer->write(rows_of(2, "c\n", ended(JobState::kComplete))));
    EXPECT_EQ(storage.at("rows.txt"), "a\nb1\nb2\nb3\nc\nd\n");
  }
}

TEST(Recovery, OfACompleteJobFindsAChangeOfWhatWasSealed) {
  for (const std::string befalls : {"nothing", "changed", "cut", "longer", "removed"}) {
    MemoryStorage storage;
    DurablePlan plan;
    auto job = Committer::open(storage, plan, staged_options());
    ASSERT_TRUE(job);
    ASSERT_TRUE(job->committer->start(job->job, 2));
    ASSERT_TRUE(job->committer->write(rows_of(1, "b\n")));
    ASSERT_TRUE(job->committer->write(rows_of(0, "a\n", ended(JobState::kComplete))));
    if (befalls == "changed") storage.at("rows.txt")[0] = 'x';
    if (befalls == "cut") storage.at("rows.txt").resize(1);
    if (befalls == "longer") storage.at("rows.txt") += "c\n";
    if (befalls == "removed") storage.files.erase("rows.txt");
    const auto again = Committer::open(storage, plan, staged_options());
    EXPECT_EQ(again.ok(), befalls == "nothing") << befalls;
    const std::string message = again ? "rows.txt" : again.error().message;
    EXPECT_NE(message.find("rows.txt"), std::string::npos) << message;
  }
}

TEST(Recovery, KeepsWhatIsStagedWhereFailedMiniBatchesMayBeTriedAgain) {
  MemoryStorage storage;
  DurablePlan plan;
  {
    auto job = Committer::open(storage, plan, staged_options());
    ASSERT_TRUE(job);
    ASSERT_TRUE(job->committer->start(job->job, 2));
    JobResult result = ended(JobState::kComplete);
    result.progress.counts.failed = 1;
    CommitGroup group = rows_of(1, "b\n", result);
    group.entries.push_back(failed(0));
    group.failed_items = failed_text(0);
    ASSERT_TRUE(job->committer->write(group));
    EXPECT_EQ(storage.at("rows.txt"), "b\n");
  }
  Committer::Options options = staged_options();
  options.reopen = [](const RecoveredJob& job) { return job.ledger.any_failed(); };
  auto job = Committer::open(storage, plan, options);
  ASSERT_TRUE(job) << job.error().message;
  ASSERT_TRUE(job->committer->start(job->job, 2, true));
  ASSERT_TRUE(job->committer->write(rows_of(0, "a\n", ended(JobState::kComplete))));
  EXPECT_EQ(storage.at("rows.txt"), "a\nb\n");
  EXPECT_EQ(storage.files.count(kStagedRowsPath), 0U);
}

// Does a number of steps, and then nothing more: as a process that is killed.
class Mortal final : public Storage {
 public:
  Mortal(MemoryStorage& storage, int steps) : storage_(storage), steps_(steps) {}

  Result<std::unique_ptr<File>> open(const std::string& path) override {
    if (auto s = step(); !s) return s.error();
    auto file = storage_.open(path);
    return std::unique_ptr<File>(std::make_unique<MortalFile>(std::move(file).value(), *this));
  }
  Result<bool> exists(const std::string& path) override { return storage_.exists(path); }
  Status rename(const std::string& from, const std::string& to) override {
    auto s = step();
    return s ? storage_.rename(from, to) : s;
  }
  Status remove(const std::string& path) override {
    auto s = step();
    return s ? storage_.remove(path) : s;
  }
  Status remove_tree(const std::string& path) override {
    auto s = step();
    return s ? storage_.remove_tree(path) : s;
  }
  Status sync_folder_of(const std::string&) override { return step(); }
  Result<std::vector<std::string>> list(const std::string& folder) override { return storage_.list(folder); }
  Status copy(const std::string& from, std::uint64_t length, const std::string& to) override {
    auto s = step();
    return s ? storage_.copy(from, length, to) : s;
  }
  std::string aside(const std::string& path) const override { return storage_.aside(path); }
  Status still_ours() override { return {}; }

 private:
  Status step() {
    if (steps_-- > 0) return {};
    return Error{ErrorCode::kIo, "killed"};
  }

  class MortalFile final : public File {
   public:
    MortalFile(std::unique_ptr<File> file, Mortal& owner) : file_(std::move(file)), owner_(owner) {}
    Result<std::uint64_t> size() override { return file_->size(); }
    Status append(std::string_view bytes) override {
      auto s = owner_.step();
      // Half of it, where it is the last.
      if (!s) static_cast<void>(file_->append(bytes.substr(0, owner_.steps_ == -1 ? bytes.size() / 2 : 0)));
      return s ? file_->append(bytes) : s;
    }
    Result<std::size_t> read(std::uint64_t offset, char* buffer, std::size_t size) override {
      return file_->read(offset, buffer, size);
    }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Status refresh(std::uint64_t, std::uint64_t) override { return {}; }
    Status sync() override { return owner_.step(); }

   private:
    std::unique_ptr<File> file_;
    Mortal& owner_;
  };

  MemoryStorage& storage_;
  int steps_;
};

TEST(Recovery, OfAJobThatWasKilledAnywhereWhileItsRowsAreSealed) {
  for (const OutputFormat format : {OutputFormat::kText, OutputFormat::kCsv, OutputFormat::kJsonl}) {
    const std::string header = format == OutputFormat::kCsv ? "n\n" : "";
    bool whole = false;
    for (int steps = 0; !whole; ++steps) {
      ASSERT_LT(steps, 100);
      MemoryStorage storage;
      DurablePlan plan;
      const Committer::Options options = staged_options(format);
      {
        auto job = Committer::open(storage, plan, options);
        ASSERT_TRUE(job) << job.error().message;
        ASSERT_TRUE(job->committer->start(job->job, 3));
        ASSERT_TRUE(job->committer->write(rows_of(2, header + "3\n")));
        ASSERT_TRUE(job->committer->write(rows_of(0, header + "1\n")));
      }
      {
        Mortal mortal(storage, steps);
        auto job = Committer::open(mortal, plan, options);
        whole = job && job->committer->start(job->job, 3) &&
                job->committer->write(rows_of(1, header + "2\n", ended(JobState::kComplete)));
      }
      const std::string sealed = header + "1\n2\n3\n";
      EXPECT_TRUE(!storage.files.contains("rows.txt") || storage.at("rows.txt") == sealed) << steps;
      EXPECT_TRUE(!storage.files.contains(kSuccessPath) || storage.files.contains("rows.txt"));
      auto job = Committer::open(storage, plan, options);
      ASSERT_TRUE(job) << steps << ": " << job.error().message;
      if (job->job.ended != JobState::kComplete) {
        const bool committed = !job->job.ledger.is_open({{1}});
        ASSERT_TRUE(job->committer->start(job->job, 3));
        const auto end = ended(JobState::kComplete);
        ASSERT_TRUE(job->committer->write(committed ? CommitGroup{1, {}, {}, {}, {}, end}
                                                    : rows_of(1, header + "2\n", end)));
      }
      EXPECT_EQ(storage.at("rows.txt"), sealed) << steps;
      EXPECT_TRUE(storage.files.contains(kSuccessPath)) << steps;
      EXPECT_FALSE(storage.files.contains(kStagedRowsPath)) << steps;
    }
  }
}

TEST(Recovery, TellsHowFarTheCheckIs) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  Committer::Options options = kOptions;
  options.checked = [&told](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); };
  ASSERT_TRUE(Committer::open(storage, plan, options));
  const std::uint64_t total = storage.at("rows.txt").size() + storage.at(kFailedItemsPath).size();
  EXPECT_EQ(told, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, total}, {total, total}}));
}

TEST(Recovery, OfACompleteJobRetriesWhatFailedWhereItIsReopened) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  {
    auto job = open(storage, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
    ASSERT_TRUE(job.committer->write({1, {}, {}, {}, {}, ended(JobState::kComplete)}));
  }
  ASSERT_TRUE(storage.files.count(kSuccessPath) > 0);
  Committer::Options options = kOptions;
  options.reopen = [](const RecoveredJob& job) { return job.ledger.any_failed(); };
  auto opened = Committer::open(storage, plan, options);
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(opened->committer->start(opened->job, 10, true));
  EXPECT_EQ(storage.files.count(kSuccessPath), 0U);
  EXPECT_EQ(opened->job.run, 2U);
  EXPECT_FALSE(opened->job.ended);
  EXPECT_TRUE(opened->job.ledger.is_open({{4}}));
  EXPECT_EQ(storage.at(kFailedItemsPath), shortfall_line({2}, {}, "images", 5, 2));
  // A restart in the middle goes on with it.
  auto again = open(storage, plan);
  EXPECT_FALSE(again.job.ended);
  ASSERT_TRUE(again.committer->start(again.job, 10));
  ASSERT_TRUE(again.committer->write({1, {succeeded(4)}, {"f\n"}, {}, {}, ended(JobState::kComplete)}));
  EXPECT_TRUE(storage.files.count(kSuccessPath) > 0);
  EXPECT_EQ(open(storage, plan).job.ledger.counts().items_failed, 3U) << "the shortfall";
}

TEST(Recovery, OfACompleteJobThatIsRevisedTheNextStartTriesWhatFailed) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  {
    auto job = open(storage, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
    ASSERT_TRUE(job.committer->write({1, {}, {}, {}, {}, ended(JobState::kComplete)}));
  }
  Committer::Options options = kOptions;
  options.reopen = [](const RecoveredJob&) { return true; };
  auto opened = Committer::open(storage, plan, options);
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_TRUE(opened->committer->revise(ended(JobState::kFailed)));
  EXPECT_EQ(storage.files.count(kSuccessPath), 0U);
  EXPECT_EQ(nlohmann::json::parse(storage.at(kResultPath))["state"], "Failed");
  auto job = open(storage, plan);
  EXPECT_EQ(job.job.ended, JobState::kFailed);
  ASSERT_TRUE(job.committer->start(job.job, 10));
  EXPECT_TRUE(job.job.ledger.is_open({{4}}));
}

TEST(Recovery, OfAnEndedJobWhoseOutputWasChangedIsRefused) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  {
    auto job = open(storage, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
    ASSERT_TRUE(job.committer->write({1, {}, {}, {}, {}, ended(JobState::kFailed)}));
  }
  storage.at("rows.txt").resize(3);
  const auto opened = Committer::open(storage, plan, kOptions);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(opened.error().message.find("rows.txt"), std::string::npos);
}

TEST(Recovery, AfterFailedTheFailedOnesAreTriedAgainWithFreshCountsAndShortfallsStay) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  {
    auto job = open(storage, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
    ASSERT_TRUE(job.committer->write({1, {try_failed(3)}, {}, {}, {}, ended(JobState::kFailed)}));
  }
  auto job = open(storage, plan);
  EXPECT_EQ(job.job.ended, JobState::kFailed);
  EXPECT_EQ(job.job.tries.at({{3}}), 2U);
  ASSERT_TRUE(job.committer->start(job.job, 10));
  EXPECT_EQ(job.job.run, 2U);
  EXPECT_TRUE(job.job.tries.empty());
  EXPECT_TRUE(job.job.ledger.is_open({{4}}));
  EXPECT_EQ(job.job.ledger.counts().failed, 0U);
  EXPECT_EQ(job.job.ledger.counts().items_failed, 3U) << "the shortfall";
  EXPECT_EQ(storage.at(kFailedItemsPath), shortfall_line({2}, {}, "images", 5, 2));
  ASSERT_TRUE(job.committer->write({1, {succeeded(4)}, {"f\n"}, {}, {}, {}}));
  EXPECT_EQ(open(storage, plan).job.ledger.counts().succeeded, 5U);
}

TEST(Recovery, AJobThatIsInterruptedGoesOnWithTheTriesItHad) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  {
    auto job = open(storage, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
    ASSERT_TRUE(job.committer->write({1, {}, {}, {}, {}, ended(JobState::kInterrupted)}));
  }
  auto job = open(storage, plan);
  EXPECT_FALSE(job.job.ended);
  EXPECT_EQ(job.job.tries.at({{3}}), 1U);
}

TEST(Recovery, OfACompleteJobRestoresTheMarksThatACrashLeftOut) {
  DurablePlan plan;
  MemoryStorage storage;
  commit_some(storage, plan);
  {
    auto job = open(storage, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
    ASSERT_TRUE(job.committer->write({1, {}, {}, {}, {}, ended(JobState::kComplete)}));
  }
  storage.files.erase(kSuccessPath);
  storage.files.erase(kResultPath);
  auto job = open(storage, plan);
  EXPECT_EQ(job.job.ended, JobState::kComplete);
  EXPECT_TRUE(storage.files.count(kSuccessPath) > 0);
  EXPECT_EQ(nlohmann::json::parse(storage.at(kResultPath))["itemsFailed"], 5);
  const auto started = job.committer->start(job.job, 10);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kConflict);
}

TEST(Recovery, OfACompleteJobWhoseFilesHaveOtherLengthsIsRefused) {
  DurablePlan plan;
  MemoryStorage whole;
  commit_some(whole, plan);
  {
    auto job = open(whole, plan);
    ASSERT_TRUE(job.committer->start(job.job, 10));
    ASSERT_TRUE(job.committer->write({1, {}, {}, {}, {}, ended(JobState::kComplete)}));
  }
  whole.files.erase(kSuccessPath);
  for (const std::string path : {"rows.txt", kFailedItemsPath}) {
    for (const char* damage : {"removed", "shorter", "longer"}) {
      MemoryStorage storage = whole.copy();
      if (damage == std::string("removed")) storage.files.erase(path);
      if (damage == std::string("shorter")) storage.at(path).pop_back();
      if (damage == std::string("longer")) storage.at(path).push_back('\n');
      const MemoryStorage before = storage.copy();
      const auto opened = Committer::open(storage, plan, kOptions);
      ASSERT_FALSE(opened) << path << " " << damage;
      EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
      EXPECT_TRUE(opened.error().message.starts_with(path + " no longer holds the "))
          << opened.error().message;
      EXPECT_EQ(storage.files.size(), before.files.size()) << "neither a file nor a mark is made";
    }
  }
}

TEST(Recovery, RefusesAnOutputWithoutAJournalAndAPlanThatIsTooShort) {
  DurablePlan plan;
  MemoryStorage stranger;
  stranger.at("rows.txt") = "somebody's rows\n";
  const auto opened = Committer::open(stranger, plan, kOptions);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kConflict);
  EXPECT_EQ(stranger.at("rows.txt"), "somebody's rows\n");

  MemoryStorage storage;
  commit_some(storage, plan);
  auto job = open(storage, plan);
  const auto started = job.committer->start(job.job, 5);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace parallelrun
