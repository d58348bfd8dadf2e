#include "runner/output/committed_work.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "memory_storage.h"
#include "runner/output/committer.h"
#include "runner/output/journal.h"
#include "runner/output/staged_rows.h"

namespace parallelrun {
namespace {

struct Piece {
  std::uint64_t id;
  std::string rows;
  std::uint32_t part = 0;
};

// A job that writes rows, and what of it is read back.
class OfFormat {
 public:
  OfFormat(OutputFormat format, OutputOrder order) : staged_(order == OutputOrder::kInput) {
    Output output;
    output.format = format;
    output.order = order;
    options_.output_file = staged_ ? kStagedRowsPath : "rows";
    if (staged_) options_.sealed_file = "rows";
    options_.fingerprint = "job";
    options_.rows = row_file_maker(output);
    header_ = !staged_ && format == OutputFormat::kCsv;
    open();
  }

  void open() {
    auto opened = Committer::open(storage, plan_, options_);
    ASSERT_TRUE(opened) << opened.error().message;
    committer_ = std::move(opened->committer);
    ASSERT_TRUE(committer_->start(opened->job, 10));
  }

  void commit(const std::vector<Piece>& pieces, std::vector<CommitEntry> before = {},
              std::optional<JobState> end = {}) {
    CommitGroup group;
    group.entries = std::move(before);
    for (const Piece& piece : pieces) {
      group.entries.push_back({CommitEntry::Kind::kSucceeded, {{piece.id}, piece.part}, 1, 2, 0});
      if (piece.rows.empty()) continue;
      group.rows.push_back(piece.rows);
      group.rows_of.push_back({{piece.id}, piece.part});
    }
    if (end) {
      group.end.emplace();
      group.end->state = *end;
    }
    ASSERT_TRUE(committer_->write(group));
  }

  Result<CommittedWork> read() {
    return CommittedWork::read(*storage.open(kJournalPath).value(),
                               storage.open(staged_ ? kStagedRowsPath : "rows").value(),
                               {"job", staged_, header_});
  }

  // Of a job that is complete: from the file that was made at its end.
  Result<CommittedWork> read_sealed(bool header) {
    CommittedWork::Options options{"job", false, header, true};
    return CommittedWork::read(*storage.open(kJournalPath).value(), storage.open("rows").value(), options);
  }

  MemoryStorage storage;

 private:
  const bool staged_;
  bool header_ = false;
  DurablePlan plan_;
  Committer::Options options_;
  std::unique_ptr<Committer> committer_;
};

std::string only(CommittedWork& work, std::uint64_t id) {
  const auto done = work.of({id});
  if (done.size() != 1 || !done[0].whole) return "?";
  auto rows = work.rows_of(done[0]);
  return rows ? *rows : rows.error().message;
}

std::string only(Result<CommittedWork> work, std::uint64_t id) {
  return work ? only(*work, id) : work.error().message;
}

TEST(CommittedWork, GivesTheRowsOfEachMiniBatchAsTheyWereMade) {
  const std::vector<std::pair<OutputFormat, std::string>> formats = {{OutputFormat::kText, ""},
                                                                     {OutputFormat::kCsv, "a,b\n"}};
  for (const OutputOrder order : {OutputOrder::kAny, OutputOrder::kInput}) {
    for (const auto& [format, header] : formats) {
      OfFormat job(format, order);
      job.commit({{5, header + "1,2\n3,4\n"}, {2, ""}, {0, header + "5,6\n"}});
      job.commit({{7, header + "\"7\",8\n"}});
      auto work = job.read();
      ASSERT_TRUE(work) << work.error().message;
      EXPECT_EQ(only(*work, 5), header + "1,2\n3,4\n");
      EXPECT_EQ(only(*work, 2), "");
      EXPECT_EQ(only(*work, 0), header + "5,6\n");
      EXPECT_EQ(only(*work, 7), header + "\"7\",8\n");
      EXPECT_TRUE(work->of({1}).empty());
    }
  }
  OfFormat lines(OutputFormat::kJsonl, OutputOrder::kAny);
  lines.commit({{1, "{\"a\": 1}\n"}, {0, "2\n3\n"}});
  auto work = lines.read();
  ASSERT_TRUE(work) << work.error().message;
  EXPECT_EQ(only(*work, 0), "2\n3\n");
  EXPECT_EQ(only(*work, 1), "{\"a\": 1}\n");
}

// The last line of a mini-batch ends in the file, though its rows did not.
TEST(CommittedWork, CountsWhatTheFormatHasAdded) {
  OfFormat job(OutputFormat::kText, OutputOrder::kAny);
  job.commit({{0, "a"}, {1, "b\n"}, {2, "c"}});
  auto work = job.read();
  ASSERT_TRUE(work);
  EXPECT_EQ(only(*work, 0) + only(*work, 1) + only(*work, 2), "a\nb\nc\n");
}

TEST(CommittedWork, OfAGroupThatSomebodyHasChangedNothingIsWhole) {
  for (const char* befalls : {"changed", "cut", "gone"}) {
    OfFormat job(OutputFormat::kText, OutputOrder::kAny);
    job.commit({{0, "a\n"}, {1, "b\n"}});
    job.commit({{2, "c\n"}, {3, "d\n"}});
    std::string& rows = job.storage.at("rows");
    if (std::string(befalls) == "changed") rows[6] = 'x';
    if (std::string(befalls) == "cut") rows.resize(7);
    if (std::string(befalls) == "gone") rows.clear();
    auto work = job.read();
    ASSERT_TRUE(work);
    EXPECT_EQ(work->of({0})[0].whole, std::string(befalls) != "gone") << befalls;
    EXPECT_FALSE(work->of({2})[0].whole) << befalls;
    EXPECT_FALSE(work->of({3})[0].whole) << befalls;
  }
}

TEST(CommittedWork, KnowsPartsAndWhatFailedLast) {
  OfFormat job(OutputFormat::kText, OutputOrder::kAny);
  job.commit({{4, "x\n", 3}}, {{CommitEntry::Kind::kSplit, {{4}}, 1, 2, 0},
                               {CommitEntry::Kind::kFailed, {{4}, 2}, 2, 1, 1},
                               {CommitEntry::Kind::kTryFailed, {{6}}, 3, 2, 2},
                               {CommitEntry::Kind::kFailed, {{6}}, 3, 2, 2}});
  auto work = job.read();
  ASSERT_TRUE(work);
  const auto of_4 = work->of({4});
  ASSERT_EQ(of_4.size(), 3U);
  EXPECT_EQ(of_4[0].entry.kind, CommitEntry::Kind::kSplit);
  EXPECT_EQ(of_4[1].entry.kind, CommitEntry::Kind::kFailed);
  EXPECT_EQ(work->rows_of(of_4[2]).value(), "x\n");
  ASSERT_EQ(work->of({6}).size(), 1U);  // a try is nobody's end

  // A new run tries again what failed.
  job.commit({}, {}, JobState::kFailed);
  job.open();
  job.commit({{6, "y\n"}});
  auto again = job.read();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->of({4}).size(), 2U);
  EXPECT_EQ(only(*again, 6), "y\n");
}

TEST(CommittedWork, FindsTheRowsInAFileThatWasMadeInOrder) {
  for (const bool csv : {false, true}) {
    const std::string header = csv ? "a,b\n" : "";
    OfFormat job(csv ? OutputFormat::kCsv : OutputFormat::kText, OutputOrder::kInput);
    job.commit({{5, header + "1,2\n3,4\n"}, {2, ""}, {4, header + "9,9\n", 3}});
    job.commit({{0, header + "5,6\n"}, {4, header + "8,8\n\"8\n8\",8\n", 2}},
               {{CommitEntry::Kind::kSplit, {{4}}, 7, 2, 0}});
    job.commit({{7, header + "7,8\n"}}, {}, JobState::kComplete);
    ASSERT_FALSE(job.storage.files.contains(kStagedRowsPath));
    EXPECT_EQ(job.storage.at("rows"), header + "5,6\n8,8\n\"8\n8\",8\n9,9\n1,2\n3,4\n7,8\n");

    auto work = job.read_sealed(csv);
    ASSERT_TRUE(work) << work.error().message;
    EXPECT_EQ(only(*work, 5), header + "1,2\n3,4\n");
    EXPECT_EQ(only(*work, 2), "");
    EXPECT_EQ(only(*work, 0), header + "5,6\n");
    EXPECT_EQ(only(*work, 7), header + "7,8\n");
    std::vector<std::string> parts;
    for (const auto& done : work->of({4})) {
      if (done.length > 0) parts.push_back(work->rows_of(done).value());
    }
    EXPECT_EQ(parts, (std::vector<std::string>{header + "9,9\n", header + "8,8\n\"8\n8\",8\n"}));

    job.storage.at("rows").back() = 'x';
    EXPECT_EQ(only(job.read_sealed(csv), 0), "?");
    job.storage.at("rows").back() = '\n';
    EXPECT_EQ(only(job.read_sealed(csv), 0), header + "5,6\n");
    job.storage.at("rows") += "1,1\n";
    EXPECT_EQ(only(job.read_sealed(csv), 0), "?");
  }
}

// Where a format has added something, the lengths of what was committed lead elsewhere.
TEST(CommittedWork, TakesNothingFromAFileWhoseLengthItCannotExplain) {
  OfFormat job(OutputFormat::kText, OutputOrder::kInput);
  job.commit({{0, "a"}, {1, "b\n"}}, {}, JobState::kComplete);
  EXPECT_EQ(job.storage.at("rows"), "a\nb\n");
  EXPECT_EQ(only(job.read_sealed(false), 1), "?");
}

TEST(CommittedWork, BelongsToOneJob) {
  OfFormat job(OutputFormat::kText, OutputOrder::kAny);
  job.commit({{0, "a\n"}});
  auto other =
      CommittedWork::read(*job.storage.open(kJournalPath).value(), nullptr, {"another", false, false});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace parallelrun
