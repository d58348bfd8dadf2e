#include "common/posix/running_program.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace parallelrun {
namespace {

TEST(RunningProgram, IsTheFileThatRuns) {
  EXPECT_EQ(std::filesystem::path(running_program()).filename(), "posix_test");
  EXPECT_TRUE(std::filesystem::path(running_program()).is_absolute());
}

TEST(RunningProgram, BehindTheLoaderOfABundleIsTheFileInBin) {
  for (const char* loader : {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}) {
    EXPECT_EQ(program_behind(std::string("/venv/x/lib/") + loader, "parallelrun"), "/venv/x/bin/parallelrun");
  }
  EXPECT_EQ(program_behind("/lib/ld-linux.so.2", "parallelrun"), "/bin/parallelrun");
}

TEST(RunningProgram, AnyOtherFileIsItself) {
  for (const char* path : {"/opt/parallelrun/bin/parallelrun", "/ld-linux-folder/bin/parallelrun",
                           "/a/lib/ld.so", "parallelrun", "ld-linux-x86-64.so.2"}) {
    EXPECT_EQ(program_behind(path, "parallelrun"), path);
  }
}

}  // namespace
}  // namespace parallelrun
