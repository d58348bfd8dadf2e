#include "runner/job/code_watch.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "runner/job/code_hash.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;
using testing::HasSubstr;
using testing::Optional;

class CodeWatchTest : public testing::Test {
 protected:
  CodeWatchTest() {
    root_.write("entry.py", "1111");
    root_.write("pack/a.py", "1");
    job_.source_directory = root_.path();
    job_.script = root_ / "entry.py";
  }

  CodeWatch watch() {
    auto begun = CodeWatch::begin(job_);
    EXPECT_TRUE(begun.ok());
    return std::move(*begun);
  }

  TemporaryDirectory root_;
  ResolvedJob job_;
};

TEST_F(CodeWatchTest, WhatIsNoCodeMayChange) {
  CodeWatch code = watch();
  EXPECT_EQ(code.change(), std::nullopt);
  root_.write("cache.json", "x");
  root_.write("run.log", "x");
  root_.write("entry.py", "1111");  // written anew, and the same
  EXPECT_EQ(code.change(), std::nullopt);
  EXPECT_EQ(code.change(), std::nullopt);
}

TEST_F(CodeWatchTest, EveryChangeOfCodeIsSeen) {
  CodeWatch code = watch();
  root_.write("entry.py", "2222");  // of the same length
  EXPECT_THAT(code.change(), Optional(HasSubstr("entry.py changed")));
  EXPECT_THAT(code.change(), Optional(HasSubstr("start the same job again")));
  root_.write("entry.py", "1111");
  EXPECT_EQ(code.change(), std::nullopt) << "it is back";
  root_.write("pack/new/b.py", "");
  EXPECT_THAT(code.change(), Optional(HasSubstr("pack/new/b.py is new")));
  std::filesystem::remove_all(root_ / "pack");
  EXPECT_THAT(code.change(), Optional(HasSubstr("pack/a.py was removed")));
}

TEST_F(CodeWatchTest, AWriteWithinOneTickOfTheClockIsSeen) {
  for (int i = 0; i < 20; ++i) {
    root_.write("entry.py", "1111");
    CodeWatch code = watch();
    root_.write("entry.py", "2222");
    EXPECT_NE(code.change(), std::nullopt) << i;
  }
}

TEST_F(CodeWatchTest, TheStartOfTheJobIsWhatCounts) {
  job_.code_hash = code_hash(*code_files(job_));
  EXPECT_TRUE(CodeWatch::begin(job_).ok());
  root_.write("entry.py", "2222");
  const auto late = CodeWatch::begin(job_);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::kConflict);
  EXPECT_THAT(late.error().message, HasSubstr("changed while the job ran"));
}

TEST_F(CodeWatchTest, AScriptWithoutASourceDirectory) {
  job_.source_directory.clear();
  CodeWatch code = watch();
  root_.write("pack/a.py", "2");
  EXPECT_EQ(code.change(), std::nullopt);
  root_.write("entry.py", "22");
  EXPECT_THAT(code.change(), Optional(HasSubstr("entry.py changed")));
}

}  // namespace
}  // namespace parallelrun
