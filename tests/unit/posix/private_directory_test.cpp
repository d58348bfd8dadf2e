#include "common/posix/private_directory.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

class PrivateDirectoryTest : public testing::Test {
 protected:
  // Left by a process that was killed.
  std::string abandoned(const std::string& prefix) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      auto made = PrivateDirectory::make(base_, prefix);
      const std::string path = made ? made->path() : "";
      std::ofstream(path + "/content") << "x";
      if (::write(ends[1], path.data(), path.size()) < 0) ::_exit(1);
      ::raise(SIGKILL);
    }
    ::close(ends[1]);
    char path[4096] = {};
    EXPECT_GT(::read(ends[0], path, sizeof path - 1), 0);
    ::close(ends[0]);
    ::waitpid(pid, nullptr, 0);
    return path;
  }

  const test::TemporaryDirectory directory_;
  const std::string base_ = directory_.path().string();
};

TEST_F(PrivateDirectoryTest, GoesWithItsObject) {
  std::string path;
  {
    auto made = PrivateDirectory::make(base_, "mine");
    ASSERT_TRUE(made) << made.error().message;
    path = made->path();
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    std::ofstream(path + "/file") << "x";
    const PrivateDirectory moved = std::move(*made);
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(PrivateDirectoryTest, OnlyWhatTheDeadHaveLeftIsRemoved) {
  const std::string dead = abandoned("mine");
  const std::string other = abandoned("other");
  auto alive = PrivateDirectory::make(base_, "mine");
  ASSERT_TRUE(alive);
  fs::create_directory(base_ + "/mine-nolock");  // being made, or not ours
  fs::create_directory(base_ + "/mine-of-length");
  fs::create_symlink(other, base_ + "/mine-linked");
  EXPECT_EQ(PrivateDirectory::remove_abandoned(base_, "mine"), 1);
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive->path()));
  EXPECT_TRUE(fs::exists(other + "/content"));
  EXPECT_TRUE(fs::exists(base_ + "/mine-nolock"));
  EXPECT_EQ(PrivateDirectory::remove_abandoned(base_, "other"), 1);
  EXPECT_EQ(PrivateDirectory::remove_abandoned(base_ + "/nowhere", "mine"), 0);
}

TEST_F(PrivateDirectoryTest, AForeignDirectoryIsLeftAlone) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make one of another user";
  const std::string dead = abandoned("mine");
  ASSERT_EQ(::chown(dead.c_str(), 65534, 65534), 0);
  EXPECT_EQ(PrivateDirectory::remove_abandoned(base_, "mine"), 0);
  EXPECT_TRUE(fs::exists(dead));
}

TEST_F(PrivateDirectoryTest, APlaceThatCannotBeWrittenIsNamed) {
  const auto made = PrivateDirectory::make("/proc", "mine");
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("'/proc/mine-"), std::string::npos);
}

}  // namespace
}  // namespace parallelrun
