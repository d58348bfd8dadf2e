#include "common/posix/whole_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777U;
}

TEST(WholeFile, ReplacesWhatWasThere) {
  TemporaryDirectory folder;
  const std::string path = folder.write("f", std::string(100'000, 'o'));
  EXPECT_EQ(write_whole_file(path, "new"), 0);
  EXPECT_EQ(folder.read("f"), "new");
  EXPECT_EQ(write_whole_file(folder / "g", std::string(3'000'000, 'g'), {.durable_name = false}), 0);
  EXPECT_EQ(folder.read("g"), std::string(3'000'000, 'g'));
  EXPECT_EQ(names_in(folder / ""), (std::set<std::string>{"f", "g"}));
}

TEST(WholeFile, HasTheModeUnderTheUmaskOrDespiteIt) {
  TemporaryDirectory folder;
  const mode_t before = ::umask(077);
  EXPECT_EQ(write_whole_file(folder / "mine", "", {.mode = 0644}), 0);
  EXPECT_EQ(write_whole_file(folder / "all", "", {.mode = 0644, .despite_umask = true}), 0);
  ::umask(before);
  EXPECT_EQ(mode_of(folder / "mine"), 0600U);
  EXPECT_EQ(mode_of(folder / "all"), 0644U);
}

// The old bytes stay, and nothing lies beside them.
TEST(WholeFile, LeavesNothingWhereItFails) {
  TemporaryDirectory folder;
  EXPECT_EQ(write_whole_file(folder / "none/f", "x"), ENOENT);
  std::filesystem::create_directory(folder / "d");
  EXPECT_EQ(write_whole_file(folder / "d", "x"), EISDIR);
  const std::string path = folder.write("f", "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{1000, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_EQ(write_whole_file(path, std::string(2000, 'x')), EFBIG);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_EQ(folder.read("f"), "old");
  EXPECT_EQ(names_in(folder / ""), (std::set<std::string>{"d", "f"}));
}

}  // namespace
}  // namespace parallelrun
