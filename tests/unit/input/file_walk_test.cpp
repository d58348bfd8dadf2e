#include "runner/input/file_walk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;
using testing::ElementsAre;

std::vector<std::string> walk(FileWalk::Options options) {
  std::vector<std::string> paths;
  Result<FileWalk> files = FileWalk::open(std::move(options));
  if (!files) return {"error: " + files.error().message};
  while (true) {
    const auto file = files->next();
    if (!file) return {"error: " + file.error().message};
    if (!*file) return paths;
    paths.push_back((*file)->path());
  }
}

TEST(FileWalk, OrderIsBytewiseByComponents) {
  TemporaryDirectory root;
  // As whole paths "a-b" would come before "a/z"; by components the directory "a" comes first.
  for (const char* name : {"b.txt", "a/z", "a-b", "a.txt", "Z", "\xC3\xA4", "a/b/c", "a/b0", "10", "9"})
    root.write(name);
  EXPECT_THAT(walk({root.path(), "", {}, ""}),
              ElementsAre("10", "9", "Z", "a/b/c", "a/b0", "a/z", "a-b", "a.txt", "b.txt", "\xC3\xA4"));
}

TEST(FileWalk, LongCommonPrefixesSortRight) {
  TemporaryDirectory root;
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("image_of_a_digit_" + std::to_string(i) + ".png");
  names.push_back("image_of_a_digit_");
  names.push_back("image_of_a_digit_1.png.png");
  for (const std::string& name : names) root.write(name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(walk({root.path(), "", {}, ""}), names);
}

TEST(FileWalk, LeavesOutWhatIsNoInput) {
  TemporaryDirectory root;
  TemporaryDirectory elsewhere;
  for (const char* name : {"a", ".hidden", ".dir/b", "lost+found/c", "__MACOSX/f", "out/d", "dir/out/e"})
    root.write(name);
  const std::string target = elsewhere.write("target");
  std::filesystem::create_symlink(target, root / "link_to_file");
  std::filesystem::create_symlink("../out", root / "dir/link_to_output");
  std::filesystem::create_directory(root / "out/logs");
  root.write("out/logs/log");
  std::filesystem::create_symlink("../out/logs", root / "dir/link_below_output");
  std::filesystem::create_symlink("nowhere", root / "link_to_nothing");
  ASSERT_EQ(::mkfifo((root / "pipe").c_str(), 0600), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string socket_path = root / "socket";
  ASSERT_LT(socket_path.size(), sizeof(address.sun_path));
  socket_path.copy(address.sun_path, socket_path.size());
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(socket);
  PassedCounts passed;
  EXPECT_THAT(walk({root.path(), "", identity_of(root / "out"), "", &passed}),
              ElementsAre("a", "dir/out/e", "link_to_file"));
  EXPECT_THAT(passed.of_input(3, true),
              ElementsAre(PassedOver{3, PassedKind::kBrokenLink, 1, "link_to_nothing", true},
                          PassedOver{3, PassedKind::kSpecialFile, 2, "pipe", true}));
}

TEST(FileWalk, FollowsLinksToDirectories) {
  TemporaryDirectory root;
  TemporaryDirectory elsewhere;
  root.write("in/x.png");
  elsewhere.write("deep/y.png");
  // As a ConfigMap volume lays out an item with the path sub/z.png.
  root.write("in/..2026/sub/z.png");
  std::filesystem::create_symlink("..2026", root / "in/..data");
  std::filesystem::create_symlink("..data/sub", root / "in/sub");
  std::filesystem::create_symlink(elsewhere.path(), root / "in/else");
  EXPECT_THAT(walk({root / "in", "**/*.png", {}, ""}), ElementsAre("else/deep/y.png", "sub/z.png", "x.png"));
  EXPECT_THAT(walk({root / "in", "sub/*", {}, ""}), ElementsAre("sub/z.png"));
  EXPECT_THAT(walk({root / "in", "", {}, "else/deep/y.png"}), ElementsAre("sub/z.png", "x.png"));
}

TEST(FileWalk, LinksThatLeadBackAreNotFollowed) {
  TemporaryDirectory root;
  TemporaryDirectory elsewhere;
  root.write("in/a/x");
  root.write("beside/y");
  std::filesystem::create_symlink("..", root / "in/a/up");           // to the root
  std::filesystem::create_symlink(".", root / "in/a/here");          // to itself
  std::filesystem::create_symlink("..", root / "in/b");              // above the root
  std::filesystem::create_symlink("/", root / "in/c");               // far above it
  std::filesystem::create_symlink(elsewhere.path(), root / "in/d");  // away ...
  std::filesystem::create_symlink(root / "in", elsewhere / "back");  // ... and back
  std::filesystem::create_symlink("..", elsewhere / "parent");       // above where it lies
  std::filesystem::create_symlink(root / "beside", root / "in/e");
  elsewhere.write("z");
  PassedCounts passed;
  EXPECT_THAT(walk({root / "in", "", {}, "", &passed}), ElementsAre("a/x", "d/z", "e/y"));
  EXPECT_THAT(passed.of_input(0, false),
              ElementsAre(PassedOver{0, PassedKind::kLoopingLink, 6, "a/here", false}));
}

TEST(FileWalk, CountsWhatTheGlobDoesNotTake) {
  TemporaryDirectory root;
  for (const char* name : {"a.csv", "b.txt", "a.md", "s/c.CSV", "s/d.tsv", ".e.txt"}) root.write(name);
  std::filesystem::create_symlink("b.txt", root / "l.txt");
  FileWalk::Options options{root.path(), "**/*.[cC][sS][vV]{,.[gG][zZ]}", {}, ""};
  PassedCounts passed;
  options.passed = &passed;
  options.count_others = true;
  EXPECT_THAT(walk(options), ElementsAre("a.csv", "s/c.CSV"));
  EXPECT_THAT(passed.of_input(0, false),
              ElementsAre(PassedOver{0, PassedKind::kOtherEnding, 4, "a.md", false}));
}

TEST(FileWalk, GlobChoosesAndPrunes) {
  TemporaryDirectory root;
  for (const char* name : {"1.png", "a/2.png", "a/b/3.png", "a/4.txt"}) root.write(name);
  EXPECT_THAT(walk({root.path(), "**/*.png", {}, ""}), ElementsAre("1.png", "a/2.png", "a/b/3.png"));
  EXPECT_THAT(walk({root.path(), "*/*.png", {}, ""}), ElementsAre("a/2.png"));
  std::filesystem::create_symlink("1.png", root / "l.png");
  EXPECT_THAT(walk({root.path(), "*.png", {}, ""}), ElementsAre("1.png", "l.png"));
}

TEST(FileWalk, GoesOnBehindAnyFile) {
  TemporaryDirectory root;
  for (const char* name : {"a/1", "a/b/2", "a/b/3", "a/c", "a-", "b", "c/d/4"}) root.write(name);
  std::filesystem::create_symlink("b", root / "bb");
  const auto all = walk({root.path(), "", {}, ""});
  ASSERT_EQ(all.size(), 8U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(walk({root.path(), "", {}, all[i]}), std::vector<std::string>(all.begin() + i + 1, all.end()))
        << all[i];
  }
  // Behind what has gone since.
  EXPECT_THAT(walk({root.path(), "", {}, "a/b/2x"}), ElementsAre("a/b/3", "a/c", "a-", "b", "bb", "c/d/4"));
  EXPECT_THAT(walk({root.path(), "", {}, "a/bb/x"}), ElementsAre("a/c", "a-", "b", "bb", "c/d/4"));
  EXPECT_THAT(walk({root.path(), "", {}, "b/x/y"}), ElementsAre("b", "bb", "c/d/4"));
  EXPECT_THAT(walk({root.path(), "", {}, "zz/y"}), ElementsAre());
}

TEST(FileWalk, FirstFilesComeBeforeTheTreeIsRead) {
  TemporaryDirectory root;
  for (const char* name : {"a/1", "b/1"}) root.write(name);
  Result<FileWalk> files = FileWalk::open({root.path(), "", {}, ""});
  ASSERT_TRUE(files.ok());
  ASSERT_TRUE(files->next()->has_value());
  root.write("b/2");  // not read yet, so it is seen
  EXPECT_EQ((*files->next())->path(), "b/1");
  EXPECT_EQ((*files->next())->path(), "b/2");
  EXPECT_FALSE(files->next()->has_value());
}

TEST(FileWalk, NamesAreRawBytes) {
  TemporaryDirectory root;
  root.write("\xFF\xFE new\nline");
  EXPECT_THAT(walk({root.path(), "*", {}, ""}), ElementsAre("\xFF\xFE new\nline"));
}

TEST(FileWalk, ErrorsNameTheDirectory) {
  TemporaryDirectory root;
  root.write("file");
  EXPECT_EQ(FileWalk::open({root / "missing", "", {}, ""}).error().code, ErrorCode::kNotFound);
  EXPECT_NE(FileWalk::open({root / "missing", "", {}, ""}).error().message.find("missing"),
            std::string::npos);
  EXPECT_EQ(FileWalk::open({root / "file", "", {}, ""}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(FileWalk::open({root.path(), "", identity_of(root.path()), ""}).error().message.find("output"),
            std::string::npos);
}

TEST(FileWalk, WhatMayNotBeReadIsCounted) {
  TemporaryDirectory root;
  root.write("a");
  root.write("secret/a");
  root.write("z");
  std::filesystem::create_symlink("secret/a", root / "link");
  ASSERT_EQ(::chmod(root.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((root / "secret").c_str(), 0), 0);
  const uid_t me = ::geteuid();
  if (me == 0) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  PassedCounts passed;
  const auto found = walk({root.path(), "", {}, "", &passed});
  const auto alone = walk({root / "secret", "", {}, ""});
  if (me == 0) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_EQ(::chmod((root / "secret").c_str(), 0755), 0);
  EXPECT_THAT(found, ElementsAre("a", "z"));
  EXPECT_THAT(passed.of_input(0, false),
              ElementsAre(PassedOver{0, PassedKind::kUnreadableDirectory, 2, "link", false}));
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_NE(alone[0].find("secret"), std::string::npos) << alone[0];
}

}  // namespace
}  // namespace parallelrun
