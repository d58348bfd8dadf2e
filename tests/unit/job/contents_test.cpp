#include "runner/job/contents.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runner/input/file_walk.h"
#include "runner/job/contents_recorder.h"
#include "runner/job/file_stamp.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

ContentEntry entry(std::string path, std::uint64_t size, std::uint64_t stamp, std::string sha256 = {}) {
  ContentEntry made;
  made.path = std::move(path);
  made.size = size;
  made.stamp = stamp;
  made.sha256 = std::move(sha256);
  return made;
}

class Contents : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return (directory_.path() / name).string(); }

  std::string written(const std::string& name, const std::vector<ContentEntry>& entries) const {
    auto writer = ContentsWriter::create(at(name));
    EXPECT_TRUE(writer.ok());
    EXPECT_TRUE((*writer)->begin("input a", "note"));
    for (const ContentEntry& one : entries) EXPECT_TRUE((*writer)->add(one));
    EXPECT_TRUE((*writer)->end());
    EXPECT_TRUE((*writer)->finish().ok());
    return at(name);
  }

  ContentDifference compared(const std::string& before, const std::string& now,
                             bool first_only = false) const {
    const auto difference =
        compare_contents(before, now, [this](const std::string&) { return at("data/"); }, first_only);
    EXPECT_TRUE(difference.ok()) << (difference.ok() ? "" : difference.error().message);
    return difference.ok() ? *difference : ContentDifference{};
  }

  FileWalk::Options data() const {
    FileWalk::Options options;
    options.root = at("data");
    return options;
  }

  // What a job writes down of the folder "data".
  Result<std::string> recorded(const std::string& name) const {
    auto recorder = ContentsRecorder::create(at(name));
    if (!recorder) return recorder.error();
    auto walk = FileWalk::open(data());
    if (!walk) return walk.error();
    const auto listing =
        (*recorder)->listed("input a", at("data/"), std::make_unique<FileWalk>(std::move(*walk)));
    while (true) {
      const auto object = listing->next();
      if (!object) return object.error();
      if (!*object) break;
    }
    if (const Status finished = (*recorder)->finish(); !finished) return finished.error();
    return at(name);
  }

  // Past the time in which the same stamp says nothing.
  static void let_it_settle() { std::this_thread::sleep_for(kFreshFile + std::chrono::milliseconds(50)); }

  const test::TemporaryDirectory directory_;
};

TEST_F(Contents, AreReadAsTheyWereWritten) {
  const std::string path = written("a", {entry("a/b.txt", 3, 7), entry("a/c.txt", 1ULL << 40U, ~0ULL),
                                         entry("d", 0, 1, std::string(32, 'x'))});
  auto reader = ContentsReader::open(path);
  ASSERT_TRUE(reader.ok());
  ContentPart part;
  ContentEntry read;
  ASSERT_TRUE(*(*reader)->next_part(part));
  EXPECT_EQ(part.name, "input a");
  EXPECT_EQ(part.note, "note");
  ASSERT_TRUE(*(*reader)->next(read));
  EXPECT_EQ(read.path, "a/b.txt");
  ASSERT_TRUE(*(*reader)->next(read));
  EXPECT_EQ(read.path, "a/c.txt");
  EXPECT_EQ(read.size, 1ULL << 40U);
  EXPECT_EQ(read.stamp, ~0ULL);
  ASSERT_TRUE(*(*reader)->next(read));
  EXPECT_EQ(read.sha256, std::string(32, 'x'));
  ASSERT_FALSE(*(*reader)->next(read));
  EXPECT_EQ((*reader)->entries(), 3U);
  ASSERT_FALSE(*(*reader)->next_part(part));
}

TEST_F(Contents, EachChangedByteIsFound) {
  const std::string path = written("a", {entry("a/b.txt", 3, 7), entry("a/c.txt", 4, 8)});
  const auto size = static_cast<off_t>(fs::file_size(path));
  for (off_t at = 0; at < size; ++at) {
    const int fd = ::open(path.c_str(), O_RDWR);
    char byte = 0;
    ASSERT_EQ(::pread(fd, &byte, 1, at), 1);
    const char other = static_cast<char>(byte ^ 0x01);
    ASSERT_EQ(::pwrite(fd, &other, 1, at), 1);
    EXPECT_FALSE(parts_of_contents(path).ok()) << "byte " << at;
    ASSERT_EQ(::pwrite(fd, &byte, 1, at), 1);
    ::close(fd);
  }
  EXPECT_TRUE(parts_of_contents(path).ok());
  fs::resize_file(path, static_cast<std::uintmax_t>(size) - 1);
  EXPECT_FALSE(parts_of_contents(path).ok());
}

TEST_F(Contents, TellsWhatIsNewGoneAndChanged) {
  // In the order of a listing "a/z" comes before "a.txt".
  const std::string before = written("a", {entry("a/z", 1, 1), entry("a.txt", 1, 1), entry("c", 1, 1)});
  const std::string now = written("b", {entry("a/z", 1, 1), entry("b", 1, 1), entry("c", 2, 1)});
  const ContentDifference difference = compared(before, now);
  EXPECT_EQ(difference.added, 1U);
  EXPECT_EQ(difference.removed, 1U);
  EXPECT_EQ(difference.changed, 1U);
  EXPECT_EQ(in_words(difference),
            "input a: 1 file has changed, 1 file is new, 1 file is gone: a.txt is gone, b is new, c changed");
  EXPECT_EQ(compared(before, now, true).all(), 1U);
  EXPECT_EQ(compared(before, before).all(), 0U);
}

TEST_F(Contents, AnotherStampWithoutADigestIsADifference) {
  const std::string before = written("a", {entry("a", 1, 1)});
  EXPECT_EQ(compared(before, written("b", {entry("a", 1, 2)})).untold, 1U);
  ContentEntry unknown = entry("a", 1, 1);
  unknown.trust = ContentEntry::Trust::kNone;
  EXPECT_EQ(compared(written("c", {unknown}), written("d", {unknown})).untold, 1U);
}

TEST_F(Contents, ADigestDecidesWhereAStampDoesNot) {
  directory_.write("data/a", "one");
  const std::string digest = *digest_of_content(at("data/a"));
  EXPECT_EQ(compared(written("a", {entry("a", 3, 1, digest)}), written("b", {entry("a", 3, 2)})).all(), 0U);
  // A fresh file may be written again under the same stamp.
  ContentEntry fresh = entry("a", 3, 1, digest);
  fresh.trust = ContentEntry::Trust::kDigest;
  const std::string before = written("c", {fresh});
  EXPECT_EQ(compared(before, written("d", {entry("a", 3, 1)})).all(), 0U);
  directory_.write("data/a", "two");
  EXPECT_EQ(compared(before, written("d", {entry("a", 3, 1)})).changed, 1U);
}

TEST_F(Contents, AFreshFileIsDigestedAsItIsListed) {
  directory_.write("data/a", "one");
  ASSERT_TRUE(recorded("a").ok());
  auto reader = ContentsReader::open(at("a"));
  ContentPart part;
  ContentEntry read;
  ASSERT_TRUE(*(*reader)->next_part(part) && *(*reader)->next(read));
  EXPECT_EQ(read.trust, ContentEntry::Trust::kDigest);
  EXPECT_EQ(read.sha256, *digest_of_content(at("data/a")));
}

TEST_F(Contents, AFileIsTheSameAfterATouchAndAnotherAfterARewriteThatHidesItself) {
  directory_.write("data/a", "one");
  directory_.write("data/b", "one");
  let_it_settle();
  ASSERT_TRUE(recorded("before").ok());
  const auto root = [this](const std::string&) { return at("data/"); };
  ASSERT_TRUE(settle_contents(at("before"), root).ok());
  const auto written_at = fs::last_write_time(at("data/b"));
  fs::last_write_time(at("data/a"), fs::file_time_type::clock::now());
  ASSERT_TRUE(recorded("now").ok());
  EXPECT_EQ(compared(at("before"), at("now")).all(), 0U);
  directory_.write("data/b", "two");  // the same size, and the time is put back
  fs::last_write_time(at("data/b"), written_at);
  ASSERT_TRUE(recorded("now").ok());
  EXPECT_EQ(compared(at("before"), at("now")).first, std::vector<std::string>{"b changed"});
}

TEST_F(Contents, WhatChangedWhileTheJobRanIsNotSettled) {
  directory_.write("data/a", "one");
  ASSERT_TRUE(recorded("before").ok());
  directory_.write("data/a", "two");
  fs::last_write_time(at("data/a"), fs::file_time_type::clock::now() + std::chrono::seconds(1));
  const auto settled = settle_contents(at("before"), [this](const std::string&) { return at("data/"); });
  ASSERT_FALSE(settled.ok());
  EXPECT_EQ(settled.error().code, ErrorCode::kConflict);
  EXPECT_THAT(settled.error().message, HasSubstr("data/a' has changed since it was listed"));
}

TEST_F(Contents, OfAListingThatDidNotEndNothingIsKept) {
  directory_.write("data/a", "one");
  directory_.write("data/b", "one");
  auto recorder = ContentsRecorder::create(at("a"));
  auto walk = FileWalk::open(data());
  const auto listing =
      (*recorder)->listed("input a", at("data/"), std::make_unique<FileWalk>(std::move(*walk)));
  ASSERT_TRUE(listing->next().ok());
  EXPECT_FALSE((*recorder)->finish());
  EXPECT_FALSE(fs::exists(at("a")));
}

TEST_F(Contents, AnObjectWithoutAVersionIsNeverTheSame) {
  EXPECT_EQ(stamp_of_object(3, "").trust, ContentEntry::Trust::kNone);
  EXPECT_NE(stamp_of_object(3, "a").stamp, stamp_of_object(3, "b").stamp);
}

TEST_F(Contents, SayOfEachFileWhetherItIsTheSame) {
  ContentEntry untold = entry("c", 3, 3);
  untold.trust = ContentEntry::Trust::kNone;
  const std::string before = written("1", {entry("a", 1, 1), entry("b", 2, 2), untold, entry("d", 4, 4)});
  const std::string now = written("2", {entry("a", 1, 1), entry("b", 9, 9), untold, entry("e", 5, 5)});
  std::vector<std::string> same;
  std::vector<std::string> others;
  ContentVisit visit;
  visit.same = [&](const std::string& part, const std::string& path) { same.push_back(part + "/" + path); };
  visit.differs = [&](const std::string&, ContentVisit::What what, const std::string& path,
                      const std::string& words) {
    others.push_back(path + std::to_string(static_cast<int>(what)) + words);
  };
  ASSERT_TRUE(visit_contents(before, now, [](const std::string&) { return std::string(); }, visit));
  using What = ContentVisit::What;
  const auto told = [](const char* path, What what, const std::string& words) {
    return path + std::to_string(static_cast<int>(what)) + path + " " + words;
  };
  EXPECT_EQ(same, std::vector<std::string>{"input a/a"});
  EXPECT_EQ(others, (std::vector<std::string>{
                        told("b", What::kChanged, "changed"), told("c", What::kUntold, "has no version"),
                        told("d", What::kGone, "is gone"), told("e", What::kNew, "is new")}));
}

// One file of which nobody can tell takes the record of the others from nobody.
TEST_F(Contents, OfTooManyFreshFilesOneByOneIsUntold) {
  directory_.write("data/a", "one");
  directory_.write("data/b", std::string(DigestAllowance{}.bytes + 1, 'x'));
  // On a busy machine they are old when the large one is written.
  for (const char* file : {"data/a", "data/b"})
    fs::last_write_time(at(file), fs::file_time_type::clock::now());
  const auto name = recorded("before");
  ASSERT_FALSE(name.ok());
  EXPECT_EQ(name.error().code, ErrorCode::kConflict);
  auto reader = ContentsReader::open(at("before"));
  ASSERT_TRUE(reader.ok());
  ContentPart part;
  ContentEntry read;
  ASSERT_TRUE(*(*reader)->next_part(part));
  ASSERT_TRUE(*(*reader)->next(read));
  EXPECT_EQ(read.sha256.size(), 32U);
  ASSERT_TRUE(*(*reader)->next(read));
  EXPECT_EQ(read.trust, ContentEntry::Trust::kNone);
  const auto settled = settle_contents(at("before"), [this](const std::string&) { return at("data/"); });
  ASSERT_FALSE(settled.ok());
  EXPECT_THAT(settled.error().message, HasSubstr("nobody can tell whether 'b'"));
}

TEST_F(Contents, ADirectoryOfASideInputHasItsHiddenFiles) {
  directory_.write("data/.hidden", "one");
  directory_.write("data/b", "one");
  auto recorder = ContentsRecorder::create(at("a"));
  (*recorder)->directory("side input s", at("data"));
  ASSERT_TRUE((*recorder)->finish());
  EXPECT_EQ(parts_of_contents(at("a"))->front().entries, 2U);
}

}  // namespace
}  // namespace parallelrun
