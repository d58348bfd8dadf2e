#include "runner/pod/source_copy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

class SourceCopyTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_ / "volume"); }

  void write(const std::string& path, const std::string& text) { directory_.write(path, text); }
  std::string read(const std::string& path) { return directory_.read(path); }
  Status copy(const std::string& from = "volume") {
    return copy_source(root_ / from, root_ / "volume", root_ / "copy");
  }

  const test::TemporaryDirectory directory_;
  const fs::path& root_ = directory_.path();
};

// The kubelet's tree: ..data -> ..2026_01_31, and every entry a link through it.
TEST_F(SourceCopyTest, LinksOfAConfigMapAreResolved) {
  write("volume/..2026_01_31/entry.py", "one");
  write("volume/..2026_01_31/package/module.py", "two");
  fs::create_symlink("..2026_01_31", root_ / "volume/..data");
  fs::create_symlink("..data/entry.py", root_ / "volume/entry.py");
  fs::create_symlink("..data/package", root_ / "volume/package");
  ASSERT_TRUE(copy());
  EXPECT_EQ(read("copy/entry.py"), "one");
  EXPECT_EQ(read("copy/package/module.py"), "two");
  EXPECT_FALSE(fs::is_symlink(root_ / "copy/entry.py"));
  EXPECT_FALSE(fs::is_symlink(root_ / "copy/package"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "copy"), {}), 2);
}

TEST_F(SourceCopyTest, ModesAreKeptAndOtherDotFilesCopied) {
  write("volume/tool", "#!");
  write("volume/.settings", "x");
  fs::permissions(root_ / "volume/tool", fs::perms(0755));
  fs::permissions(root_ / "volume/.settings", fs::perms(0440));
  ASSERT_TRUE(copy());
  EXPECT_EQ(fs::status(root_ / "copy/tool").permissions(), fs::perms(0755));
  EXPECT_EQ(fs::status(root_ / "copy/.settings").permissions(), fs::perms(0440));
}

TEST_F(SourceCopyTest, AnOldCopyIsReplaced) {
  write("volume/new.py", "new");
  write("copy/old.py", "old");
  write("copy/..copy/torn.py", "of a copy that was killed");
  ASSERT_TRUE(copy());
  EXPECT_TRUE(fs::exists(root_ / "copy/new.py"));
  EXPECT_FALSE(fs::exists(root_ / "copy/old.py"));
  EXPECT_FALSE(fs::exists(root_ / "copy/..copy"));
}

TEST_F(SourceCopyTest, LinksThatLeadOutOrNowhereOrInCirclesEndTheCopyNowhere) {
  write("volume/code/entry.py", "x");
  write("outside/secret", "s");
  fs::create_symlink(root_ / "outside", root_ / "volume/code/out");
  fs::create_symlink("nowhere", root_ / "volume/code/broken");
  fs::create_symlink("..", root_ / "volume/code/up");
  ASSERT_TRUE(copy("volume/code"));
  EXPECT_TRUE(fs::is_symlink(root_ / "copy/out"));
  EXPECT_TRUE(fs::is_symlink(root_ / "copy/broken"));
  EXPECT_EQ(read("copy/entry.py"), "x");
}

TEST_F(SourceCopyTest, WhatIsMissingIsNamed) {
  const Status copied = copy("volume/nothing");
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, ErrorCode::kNotFound);
  EXPECT_NE(copied.error().message.find("volume/nothing"), std::string::npos);
}

}  // namespace
}  // namespace parallelrun
