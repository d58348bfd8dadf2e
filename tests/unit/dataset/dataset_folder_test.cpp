#include "runner/dataset/dataset_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "runner/dataset/recorded_datasets.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

DatasetVersion version_at(const std::string& path, std::int64_t number = 1) {
  DatasetVersion version;
  version.version = number;
  version.parts.push_back({{"source", {{"local", {{"path", path}}}}}});
  return version;
}

Dataset dataset_of(std::vector<DatasetVersion> versions) {
  Dataset dataset;
  dataset.name = "d";
  dataset.versions = std::move(versions);
  return dataset;
}

class DatasetFolderTest : public testing::Test {
 protected:
  std::int64_t add(const std::string& path, bool always = false) {
    const auto added = folder_.add(NewVersion{"d", InputType::kFile, version_at(path), always});
    EXPECT_TRUE(added.ok()) << added.error().message;
    return added.ok() ? added->version : 0;
  }

  test::TemporaryDirectory directory_;
  DatasetFolder folder_{directory_ / "sets/here"};
};

TEST_F(DatasetFolderTest, NumbersVersionsOneByOne) {
  EXPECT_THAT(*folder_.names(), ElementsAre());
  EXPECT_EQ(add("/a"), 1);
  EXPECT_EQ(add("/a"), 1) << "the same data";
  EXPECT_EQ(add("/b"), 2);
  EXPECT_EQ(add("/a"), 3) << "not what the newest one has";
  EXPECT_EQ(add("/a", true), 4);
  EXPECT_THAT(*folder_.names(), ElementsAre("d"));
  const auto read = folder_.read("d");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->known_versions(), "1, 2, 3, 4");
  EXPECT_THAT(read->newest().created, testing::MatchesRegex("20..-..-..T..:..:..Z"));
}

TEST_F(DatasetFolderTest, AVersionThatIsThereNeverChanges) {
  ASSERT_TRUE(folder_.add(dataset_of({version_at("/a", 1), version_at("/c", 3)})).ok());
  const std::string before = directory_.read("sets/here/d.yaml");
  const auto other = folder_.add(dataset_of({version_at("/b", 3), version_at("/e", 4)}));
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kConflict);
  EXPECT_THAT(
      other.error().message,
      HasSubstr("version 3 of the dataset 'd' is there with other data (/c), and a version never changes; "
                "give the new data a number that is free, such as 4"));
  EXPECT_EQ(directory_.read("sets/here/d.yaml"), before) << "version 4 was not taken either";

  DatasetVersion described = version_at("/a", 1);
  described.description = "other words";
  const auto again = folder_.add(dataset_of({described}));
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->added, ElementsAre());
  EXPECT_EQ(directory_.read("sets/here/d.yaml"), before);

  const auto between = folder_.add(dataset_of({version_at("/b", 2)}));
  ASSERT_TRUE(between.ok());
  EXPECT_THAT(between->added, ElementsAre(2));
  EXPECT_EQ(between->dataset.known_versions(), "1, 2, 3");
  EXPECT_FALSE(folder_.add(NewVersion{"d", InputType::kTabular, version_at("/a")}).ok()) << "another type";
}

TEST_F(DatasetFolderTest, PathsAreMeantFromTheFile) {
  directory_.write("sets/here/d.yaml",
                   "apiVersion: parallelrun.dev/v1alpha1\nkind: ParallelRunDataset\nmetadata: {name: d}\n"
                   "spec: {versions: [{version: 1, source: {local: {path: ../a}}}]}\n");
  const auto read = folder_.read("d");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(place_in_words(read->newest()), directory_ / "sets/a");
}

TEST_F(DatasetFolderTest, WhatIsNotThereIsNamed) {
  EXPECT_THAT(folder_.read("d").error().message, HasSubstr("none is registered there"));
  add("/a");
  const Error missing = folder_.read("e").error();
  EXPECT_EQ(missing.code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.message, HasSubstr("there is no dataset 'e' in '" + folder_.path() + "'"));
  EXPECT_THAT(missing.message, HasSubstr("parallelrun datasets register e --path FOLDER"));
  EXPECT_EQ(folder_.read("../here/d").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(no_such_version(*folder_.read("d"), 7), "the dataset 'd' has no version 7; it has: 1");
  directory_.write("sets/here/x.yaml", "kind: Nothing\n");
  EXPECT_EQ(folder_.read("x").error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(folder_.read("x").error().message, HasSubstr("sets/here/x.yaml"));
  directory_.write("sets/here/y.yaml", directory_.read("sets/here/d.yaml"));
  EXPECT_THAT(folder_.read("y").error().message, HasSubstr("is not the name of the file"));
  EXPECT_FALSE(folder_.add(NewVersion{"x", InputType::kFile, version_at("/a")}).ok());
  EXPECT_EQ(directory_.read("sets/here/x.yaml"), "kind: Nothing\n");
}

TEST_F(DatasetFolderTest, SeveralMayRegisterAtOnce) {
  constexpr int kEach = 10;
  std::vector<std::thread> threads;
  for (const char* side : {"a", "b", "c"}) {
    threads.emplace_back([this, side] {
      for (int i = 0; i < kEach; ++i) {
        const auto added = folder_.add(
            NewVersion{"d", InputType::kFile, version_at(std::string("/") + side + std::to_string(i))});
        EXPECT_TRUE(added.ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto read = folder_.read("d");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->versions.size(), 3U * kEach);
  EXPECT_EQ(read->newest().version, 3 * kEach);
}

TEST(DatasetFolderPath, IsOneRule) {
  setenv("HOME", "/home/x", 1);
  unsetenv("XDG_DATA_HOME");
  unsetenv("PARALLELRUN_DATASETS");
  EXPECT_EQ(dataset_folder_path(""), "/home/x/.local/share/parallelrun/datasets");
  setenv("XDG_DATA_HOME", "/data", 1);
  EXPECT_EQ(dataset_folder_path(""), "/data/parallelrun/datasets");
  setenv("PARALLELRUN_DATASETS", "sets", 1);
  EXPECT_EQ(dataset_folder_path(""), "sets");
  EXPECT_EQ(dataset_folder_path("other"), "other");
}

TEST(RecordedDatasets, AreReadFromTheOutput) {
  test::TemporaryDirectory output;
  EXPECT_FALSE(recorded_datasets(output.path().string()));
  output.write(
      ".parallelrun/job.json",
      R"({"settings": {"a": 1}, "datasets": {"inputs.x": {"name": "d", "version": 3}, "inputs.y": 7}})");
  const auto found = recorded_datasets(output.path().string());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->by_holder.size(), 1U);
  EXPECT_EQ(found->by_holder.at("inputs.x"), (RecordedDataset{"d", 3}));
  EXPECT_EQ(found->settings["a"], 1);
  output.write(".parallelrun/job.json", R"({"settings": {}, "datasets": )");
  EXPECT_FALSE(recorded_datasets(output.path().string()));
}

}  // namespace
}  // namespace parallelrun
