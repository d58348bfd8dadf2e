#include "runner/input/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "runner/input/file_set.h"
#include "runner/input/file_slice.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;
using testing::HasSubstr;

Input input(std::string name, InputType type, std::string glob = "") {
  Input made;
  made.name = std::move(name);
  made.type = type;
  made.glob = std::move(glob);
  return made;
}

std::vector<MiniBatch> plan(const Planner::Options& options, const std::optional<MiniBatch>& last = {}) {
  auto planner = Planner::create(options, last);
  EXPECT_TRUE(planner.ok());
  std::vector<MiniBatch> mini_batches;
  while (true) {
    auto next = (*planner)->next();
    EXPECT_TRUE(next.ok());
    if (!next.ok() || !*next) return mini_batches;
    mini_batches.push_back(**next);
  }
}

std::string show(const MiniBatch& m) {
  std::string text =
      std::to_string(m.id.value) + " " + std::to_string(m.input) + " " + std::to_string(m.items) + " ";
  return text + m.descriptor;
}

void expect_same_from_everywhere(const Planner::Options& options, std::size_t expected) {
  const auto all = plan(options);
  ASSERT_EQ(all.size(), expected);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].id.value, i);
    const auto rest = plan(options, all[i]);
    ASSERT_EQ(rest.size(), all.size() - i - 1) << i;
    for (std::size_t k = 0; k < rest.size(); ++k) EXPECT_EQ(show(rest[k]), show(all[i + 1 + k]));
  }
}

TEST(Planner, FileInputsInGroupsThatNeverMix) {
  TemporaryDirectory root;
  for (const char* name : {"one/a/1", "one/a/2", "one/b/3", "two/4", "two/5", "one/out/no"}) root.write(name);
  const Planner::Options options{{input("one", InputType::kFile), input("two", InputType::kFile)},
                                 {{"one", root / "one"}, {"two", root / "two"}},
                                 2,
                                 root / "one/out"};
  const auto all = plan(options);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].items, 2U);
  EXPECT_EQ(all[1].items, 1U);
  EXPECT_EQ(all[1].input, 0U);
  EXPECT_EQ(all[2].input, 1U);
  const auto files = decode_file_set(all[1].descriptor);
  EXPECT_EQ(files->groups[0].directory + files->groups[0].names[0], "b/3");
  expect_same_from_everywhere(options, 3);
}

TEST(Planner, TabularInputsGoOnAnywhere) {
  TemporaryDirectory root;
  root.write("t/a.csv", "h\n1\n\n2\n \n3\n\n");
  root.write("t/b.csv", "h\n");
  root.write("t/c/d.csv", "h\r\n1\r\n2\r\n");
  root.write("t/e.csv", "");
  root.write("t/f.csv.gz", "\x1f\x8b\x08zz");
  root.write("u/a.csv", "h\n5\n6");
  const Planner::Options options{{input("t", InputType::kTabular), input("u", InputType::kTabular)},
                                 {{"t", root / "t"}, {"u", root / "u"}},
                                 1,
                                 ""};
  expect_same_from_everywhere(options, 8);
}

TEST(Planner, BrokenLinksAreCountedWhereTheGlobTakesThem) {
  TemporaryDirectory root;
  root.write("a/x.png");
  std::filesystem::create_symlink("gone.png", root / "a/b.png");
  std::filesystem::create_symlink("c.png", root / "a/c.png");  // to itself
  std::filesystem::create_symlink("gone.txt", root / "a/d.txt");
  std::filesystem::create_symlink("x.png", root / "a/whole.png");
  auto planner = Planner::create({{input("in", InputType::kFile, "*.png")}, {{"in", root / "a"}}, 10, ""});
  ASSERT_TRUE(planner);
  EXPECT_EQ((*planner)->next()->value().items, 2U);
  EXPECT_FALSE((*planner)->next()->has_value());
  const auto passed = (*planner)->take_passed_over();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(sentence(passed[0], "in"),
            "input 'in': 2 links lead nowhere and are left out; the first is 'b.png'");
  EXPECT_TRUE((*planner)->take_passed_over().empty());
  auto alone = Planner::create({{input("in", InputType::kFile, "*.txt")}, {{"in", root / "a"}}, 10, ""});
  ASSERT_TRUE(alone);
  EXPECT_THAT((*alone)->next().error().message, HasSubstr("1 link leads nowhere and is left out: 'd.txt'"));
}

TEST(Planner, TablesByContentAndNothingInSilence) {
  TemporaryDirectory root;
  root.write("t/B.CSV", "h\n1\n");
  root.write("t/a.csv", "h\n1\n2\n");
  root.write("t/empty.csv", "");
  root.write("t/h.csv", "h\n");
  root.write("t/i.csv", "h\n\n  \n");
  root.write("t/named.csv", "\x1f\x8b\x08zz");   // packed, whatever its name
  root.write("t/plain.csv.GZ", "h\n1\n2\n3\n");  // not packed, whatever its name
  root.write("t/notes.md");
  auto planner = Planner::create({{input("t", InputType::kTabular)}, {{"t", root / "t"}}, 1000, ""});
  ASSERT_TRUE(planner);
  std::vector<std::pair<std::string, std::uint64_t>> found;
  while (true) {
    const auto next = (*planner)->next();
    ASSERT_TRUE(next.ok());
    if (!*next) break;
    const auto slice = decode_file_slice(DescriptorKind::kCsvSlice, (*next)->descriptor);
    found.emplace_back(slice->path, slice->records);
  }
  EXPECT_THAT(found, testing::ElementsAre(std::pair("B.CSV", 1), std::pair("a.csv", 2),
                                          std::pair("named.csv", 0), std::pair("plain.csv.GZ", 3)));
  EXPECT_THAT((*planner)->take_passed_over(),
              testing::ElementsAre(PassedOver{0, PassedKind::kOtherEnding, 1, "notes.md", false},
                                   PassedOver{0, PassedKind::kEmptyTable, 1, "empty.csv", false},
                                   PassedOver{0, PassedKind::kHeaderOnlyTable, 2, "h.csv", false}));
}

TEST(Planner, ErrorsNameTheInput) {
  TemporaryDirectory root;
  root.write("a/x.txt");
  root.write("b/h.csv", "h\n");
  const auto failure = [&](const Planner::Options& options) {
    auto planner = Planner::create(options);
    if (!planner) return planner.error().message;
    const auto next = (*planner)->next();
    return next.ok() ? std::string("no error") : next.error().message;
  };
  EXPECT_THAT(failure({{input("in", InputType::kFile)}, {{"in", root / "gone"}}, 1, ""}),
              testing::AllOf(HasSubstr("'in'"), HasSubstr("gone")));
  EXPECT_THAT(failure({{input("in", InputType::kFile, "*.png")}, {{"in", root / "a"}}, 1, ""}),
              testing::AllOf(HasSubstr("'in'"), HasSubstr("*.png"), HasSubstr(root / "a")));
  EXPECT_THAT(failure({{input("in", InputType::kFile, "[")}, {{"in", root / "a"}}, 1, ""}), HasSubstr("'['"));
  EXPECT_THAT(failure({{input("in", InputType::kTabular)}, {{"in", root / "b"}}, 1, ""}),
              HasSubstr("the only file in '" + (root / "b") + "' has only a header and no record"));
  EXPECT_THAT(
      failure({{input("in", InputType::kTabular)}, {{"in", root / "a"}}, 1, ""}),
      HasSubstr(
          "has no file that ends in .csv or .csv.gz (1 file does not have an ending of the input's format"));
  EXPECT_THAT(failure({{input("in", InputType::kFile)}, {}, 1, ""}), HasSubstr("'in'"));
  // The second input is looked at before the first is planned.
  EXPECT_FALSE(Planner::create({{input("a", InputType::kFile), input("c", InputType::kFile)},
                                {{"a", root / "a"}, {"c", root / "c"}},
                                1,
                                ""})
                   .ok());
}

TEST(Planner, ALastMiniBatchOfAnotherJobIsRefused) {
  TemporaryDirectory root;
  root.write("a/x");
  const Planner::Options options{{input("a", InputType::kFile)}, {{"a", root / "a"}}, 1, ""};
  EXPECT_EQ(Planner::create(options, MiniBatch{{0}, 1, 1, ""}).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(Planner::create(options, MiniBatch{{0}, 0, 1, "junk"}).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(Planner::create(options, MiniBatch{{0}, 0, 1, encode(FileSet{{{"/else/", {"x"}}}})}).error().code,
            ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace parallelrun
