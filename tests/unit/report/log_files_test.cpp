#include "runner/report/log_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun::report {
namespace {

std::vector<std::string> chosen(const std::string& wanted) {
  static const std::vector<LogFile> files = {{"job_progress_overview.txt"},
                                             {"sys/node/10.0.0.1/process000.txt"},
                                             {"sys/node/10.0.0.1/process001.txt"},
                                             {"sys/node/10.0.0.10/process000.txt"},
                                             {"user/error.txt"},
                                             {"user/error/run-ValueError-1.txt"},
                                             {"user/stdout/10.0.0.1/process000.stdout.txt"},
                                             {"user/stdout/10.0.0.1/process000.stdout.txt.1"}};
  std::vector<std::string> names;
  for (const LogFile& file : selected(files, wanted)) names.push_back(file.name);
  return names;
}

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SelectedLogs, AFileByItsWholeNameOrItsLastPart) {
  EXPECT_THAT(chosen("user/error.txt"), ElementsAre("user/error.txt"));
  EXPECT_THAT(chosen("logs/user/error.txt"), ElementsAre("user/error.txt"));
  EXPECT_THAT(chosen("error.txt"), ElementsAre("user/error.txt"));
  EXPECT_THAT(chosen("process000.stdout.txt.1"), ElementsAre("user/stdout/10.0.0.1/process000.stdout.txt.1"));
  EXPECT_THAT(chosen("rror.txt"), IsEmpty());
  EXPECT_THAT(chosen(""), IsEmpty());
}

TEST(SelectedLogs, AFolderWithoutWhatWasPutAside) {
  EXPECT_THAT(chosen("user/error/"), ElementsAre("user/error/run-ValueError-1.txt"));
  EXPECT_THAT(chosen("user/stdout"), ElementsAre("user/stdout/10.0.0.1/process000.stdout.txt"));
}

TEST(SelectedLogs, AProcessOnAllNodesAndANodeWithAllProcesses) {
  EXPECT_THAT(chosen("process000"),
              ElementsAre("sys/node/10.0.0.1/process000.txt", "sys/node/10.0.0.10/process000.txt",
                          "user/stdout/10.0.0.1/process000.stdout.txt"));
  EXPECT_THAT(chosen("10.0.0.1"),
              ElementsAre("sys/node/10.0.0.1/process000.txt", "sys/node/10.0.0.1/process001.txt",
                          "user/stdout/10.0.0.1/process000.stdout.txt"));
  EXPECT_THAT(chosen("process00"), IsEmpty());
}

}  // namespace
}  // namespace parallelrun::report
