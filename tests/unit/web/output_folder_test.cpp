#include "runner/web/output_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::web {
namespace {

namespace fs = std::filesystem;

class Folder : public testing::Test {
 protected:
  OutputFolder open(std::string_view below = "out") {
    auto folder = OutputFolder::open(root_.path().string(), below);
    EXPECT_TRUE(folder) << folder.error().message;
    return std::move(folder).value();
  }
  test::TemporaryDirectory root_;
};

TEST_F(Folder, FilesWithinAreRead) {
  root_.write("out/logs/user/error.txt", "one\ntwo\n");
  const OutputFolder folder = open();
  const auto file = folder.file("logs/user/error.txt");
  ASSERT_TRUE(file);
  EXPECT_EQ(read_begin(*file, 5).value(), "one\nt");
  EXPECT_EQ(read_end(*file, 4).value(), "two\n");
  EXPECT_EQ(read_end(*file, 400).value(), "one\ntwo\n");
  EXPECT_TRUE(folder.has_folder("logs/user"));
  EXPECT_FALSE(folder.has_folder("logs/user/error.txt"));
}

TEST_F(Folder, NothingOutsideIsRead) {
  root_.write("secret", "s");
  root_.write("out/logs/a", "a");
  const OutputFolder folder = open();
  for (const char* path :
       {"../secret", "logs/../../secret", "/etc/passwd", "", ".", "logs//a", "logs/./a", "logs/"}) {
    const auto file = folder.file(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument) << path;
  }
  EXPECT_FALSE(is_path_within(std::string(5000, 'a')));
  EXPECT_FALSE(is_path_within(std::string_view("a\0b", 3)));
}

TEST_F(Folder, LinksAreNotFollowedWhereverTheyAre) {
  root_.write("secret/file", "s");
  root_.write("out/logs/a", "a");
  fs::create_symlink(root_ / "secret/file", root_ / "out/logs/link");
  fs::create_symlink(root_ / "secret", root_ / "out/logs/folder");
  fs::create_symlink("a", root_ / "out/logs/near");
  fs::create_symlink(root_ / "out", root_ / "other");
  const OutputFolder folder = open();
  for (const char* path : {"logs/link", "logs/folder/file", "logs/near"}) {
    const auto file = folder.file(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code, ErrorCode::kNotFound);
    EXPECT_NE(file.error().message.find("links are not followed"), std::string::npos) << file.error().message;
  }
  EXPECT_FALSE(folder.has_folder("logs/folder"));
  EXPECT_FALSE(OutputFolder::open(root_.path().string(), "other"));
}

TEST_F(Folder, OnlyFilesAreFiles) {
  root_.write("out/logs/a", "a");
  ASSERT_EQ(mkfifo((root_ / "out/pipe").c_str(), 0600), 0);
  const OutputFolder folder = open();
  for (const char* path : {"logs", "pipe", "missing", "logs/a/b"})
    EXPECT_EQ(folder.file(path).error().code, ErrorCode::kNotFound) << path;
}

TEST_F(Folder, WhatIsGoneIsNotFound) {
  EXPECT_EQ(OutputFolder::open(root_.path().string(), "none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(OutputFolder::open(root_ / "none", "").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace parallelrun::web
