#include "runner/cli/wanted_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using Kind = Amount::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kOut = "/parallelrun/output";

OutputNames names() {
  return {.logs = {{"perf/10.0.0.1/node_resource_usage.csv", 5},
                   {"sys/master_role.txt", 100},
                   {"sys/node/10.0.0.1/process000.txt", 100},
                   {"user/error.txt", 10},
                   {"user/error/10.0.0.1/process000.txt", 10},
                   {"user/errors.json", 10},
                   {"user/stdout/10.0.0.1/process000.stdout.txt", 9}},
          .output_file = "rows.txt",
          .format = "text"};
}

std::vector<WantedFile> files(std::vector<std::string> words, const OutputNames& of = names()) {
  words.insert(words.begin() + 1, kOut);
  return wanted_files(words, of).files;
}

TEST(WantedFiles, OfTheListOfLogsNothing) { EXPECT_THAT(files({"logs", "--"}), IsEmpty()); }

TEST(WantedFiles, OfALogWhatIsShownOfIt) {
  EXPECT_THAT(files({"logs", "--", "user/error.txt"}), ElementsAre(WantedFile{"logs/user/error.txt"}));
  EXPECT_THAT(files({"logs", "--tail=7", "--", "user/error.txt"}),
              ElementsAre(WantedFile{"logs/user/error.txt", {Kind::kLastLines, 7}}));
  EXPECT_THAT(files({"logs", "--follow", "--"}),
              ElementsAre(WantedFile{"logs/sys/master_role.txt", {}, true}));
  EXPECT_THAT(files({"logs", "--", "process000"}), testing::SizeIs(3));
  EXPECT_THAT(files({"logs", "--", "--tail=7"}), IsEmpty());  // the name of a log, which is not there
}

TEST(WantedFiles, OfTheOutputItsFirstRowsOrAll) {
  EXPECT_THAT(files({"output", "--rows=3"}), ElementsAre(WantedFile{"rows.txt", {Kind::kFirstLines, 4}}));
  EXPECT_THAT(files({"output", "--to=-"}), ElementsAre(WantedFile{"rows.txt"}));
  OutputNames parquet = names();
  parquet.format = "parquet";
  EXPECT_THAT(files({"output", "--rows=3"}, parquet), ElementsAre(WantedFile{"rows.txt", {Kind::kBytes, 0}}));
  OutputNames none = names();
  none.output_file = "";
  EXPECT_THAT(files({"output", "--to=-"}, none), IsEmpty());
}

TEST(WantedFiles, OfAJobAtWorkRowsAndFailedItemsAreInItsLog) {
  OutputNames running = names();
  running.rows_in_log = true;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"output", kOut, "--rows=3"},
                                                {"failed", kOut},
                                                {"answer", kOut, "--", "rows"}}) {
    const WantedFiles wanted = wanted_files(words, running);
    EXPECT_TRUE(wanted.state_of_work) << words.front();
    EXPECT_THAT(wanted.files, IsEmpty());
  }
  EXPECT_FALSE(wanted_files({"errors", kOut}, running).state_of_work);
  EXPECT_TRUE(wanted_files({"pack", kOut, "--mini-batch=3"}, names()).state_of_work);
}

TEST(WantedFiles, OfErrorsTheirSummaryAndTheBeginningOfTracebacks) {
  EXPECT_THAT(files({"errors", "--brief"}),
              ElementsAre(WantedFile{"logs/user/errors.json"},
                          WantedFile{"logs/user/error/10.0.0.1/process000.txt", {Kind::kFirstLines, 2000}}));
}

TEST(WantedFiles, OfFailedItemsAsManyAsAreShown) {
  EXPECT_THAT(files({"failed", "--format=csv"}), ElementsAre(WantedFile{"failed_items.jsonl"}));
  EXPECT_THAT(files({"failed", "--limit=5"}),
              ElementsAre(WantedFile{"failed_items.jsonl", {Kind::kFirstLines, 6}}));
}

TEST(WantedFiles, OfWhereTheTimeGoesTheLinesOfProcesses) {
  EXPECT_THAT(files({"explain"}), ElementsAre(WantedFile{"logs/perf/10.0.0.1/node_resource_usage.csv"},
                                              WantedFile{"logs/sys/node/10.0.0.1/process000.txt"}));
}

TEST(WantedFiles, OfThePagesQuestionsEachFileOnce) {
  EXPECT_THAT(files({"answer", "--", "explain", "timeline", "logs", "no question", "?"}), testing::SizeIs(2));
  EXPECT_THAT(files({"answer", "--", "rows"}),
              ElementsAre(WantedFile{"rows.txt", {Kind::kBytes, (2U << 20U) + 1}}));
  const auto piece = files({"answer", "--", "log?path=user%2Ferror.txt&offset=-1000&length=1000"});
  ASSERT_EQ(piece.size(), 1U);
  EXPECT_EQ(piece[0].name, "logs/user/error.txt");
  EXPECT_EQ(piece[0].amount.offset, -1000 - (64 << 10));
  EXPECT_EQ(piece[0].amount.number, 1000U + (128U << 10U));
  const auto both = files({"answer", "--", "log?path=a.txt&offset=9", "search?path=a.txt&text=x"});
  EXPECT_THAT(both, ElementsAre(WantedFile{"logs/a.txt"}));
  const auto followed = files({"answer", "--follow", "--", "user/error.txt"});
  ASSERT_EQ(followed.size(), 1U);
  EXPECT_TRUE(followed[0].follow);
}

}  // namespace
}  // namespace parallelrun
