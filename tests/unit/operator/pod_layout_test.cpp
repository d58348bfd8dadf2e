#include "common/pod/pod_layout.h"

#include <gtest/gtest.h>

#include "common/spec/manifest.h"
#include "job_manifest.h"

namespace parallelrun::pod {
namespace {

using nlohmann::json;

PodLayout layout_of(const op::JobManifest& job) {
  const ParsedSpec parsed = parse_manifest_document(*job, Place::kCluster);
  for (const SpecProblem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  return pod_layout(parsed.spec);
}

TEST(PodLayout, RootsAreMountedAndDirectoriesLieBelow) {
  const PodLayout layout = layout_of(op::JobManifest());
  ASSERT_TRUE(layout.source);
  EXPECT_EQ(layout.source->mount_path, "/parallelrun/source-volume");
  EXPECT_EQ(layout.source->directory, "/parallelrun/source-volume");
  const Mount& images = layout.inputs.at("images");
  EXPECT_EQ(images.mount_path, "/parallelrun/inputs/images");
  EXPECT_EQ(images.directory, "/parallelrun/inputs/images/test");
  EXPECT_EQ(images.mounted_sub_path, "");
  EXPECT_TRUE(images.read_only);
  EXPECT_EQ(layout.output.directory, "/parallelrun/output/digits");
  EXPECT_FALSE(layout.output.read_only);
  EXPECT_FALSE(layout.output_on_workers);
}

TEST(PodLayout, AMountPathIsTheDirectoryItself) {
  op::JobManifest job;
  const json source = {{"persistentVolumeClaim", {{"claimName", "data"}}}, {"subPath", "labels"}};
  job.with("/sideInputs", json::array({{{"name", "a"}, {"source", source}, {"mountPath", "/tmp/labels"}},
                                       {{"name", "b"}, {"source", source}}}));
  const PodLayout layout = layout_of(job);
  const Mount& placed = layout.side_inputs.at("a");
  EXPECT_EQ(placed.mount_path, "/tmp/labels");
  EXPECT_EQ(placed.directory, "/tmp/labels");
  EXPECT_EQ(placed.mounted_sub_path, "labels");
  const Mount& free = layout.side_inputs.at("b");
  EXPECT_EQ(free.directory, "/parallelrun/side-inputs/b/labels");
  EXPECT_EQ(free.mounted_sub_path, "");
}

TEST(PodLayout, TheOrchestratorHasSideInputsAmongOurPaths) {
  op::JobManifest job;
  const json source = {{"persistentVolumeClaim", {{"claimName", "data"}}}, {"subPath", "labels"}};
  job.with("/sideInputs", json::array({{{"name", "a"}, {"source", source}, {"mountPath", "/tmp/labels"}},
                                       {{"name", "b"}, {"source", source}},
                                       {{"name", "c"}, {"source", {{"image", {{"reference", "m:1"}}}}}}}));
  const PodLayout layout = layout_of(job);
  const auto there = side_inputs_on_orchestrator(layout);
  EXPECT_EQ(there.size(), 2U) << "an image is large, and its name stands for it";
  const Mount& placed = there.at("a");
  EXPECT_EQ(placed.mount_path, "/parallelrun/side-inputs/a");
  EXPECT_EQ(placed.directory, "/parallelrun/side-inputs/a");
  EXPECT_EQ(placed.mounted_sub_path, "labels");
  EXPECT_TRUE(placed.read_only);
  EXPECT_EQ(there.at("b"), layout.side_inputs.at("b"));
}

TEST(PodLayout, AnEarlierOutputIsTheSameVolumeReadOnly) {
  const PodLayout layout = layout_of(op::JobManifest());
  const Mount earlier = earlier_output(layout, "first/a");
  EXPECT_EQ(earlier.volume, layout.output.volume);
  EXPECT_EQ(earlier.mount_path, "/parallelrun/earlier-output");
  EXPECT_EQ(earlier.directory, "/parallelrun/earlier-output/first/a");
  EXPECT_EQ(earlier.mounted_sub_path, "");
  EXPECT_TRUE(earlier.read_only);
  EXPECT_EQ(earlier_output(layout, "").directory, "/parallelrun/earlier-output");
}

TEST(PodLayout, WhatLiesInStoresIsFetched) {
  op::JobManifest job;
  const auto store = [](const char* prefix) {
    return json{{"s3", {{"bucket", "b"}, {"prefix", prefix}, {"credentials", {{"secretName", "keys"}}}}}};
  };
  job.with("/inputs/0/source", store("in"))
      .with("/sourceDirectory", json{{"http", {{"urls", {"https://host/entry.py"}}}}})
      .with("/sideInputs",
            json::array({{{"name", "a"}, {"source", store("net.pkl")}, {"mountPath", "/tmp/a"}},
                         {{"name", "b"}, {"source", store("")}}}));
  const PodLayout layout = layout_of(job);
  EXPECT_FALSE(layout.source);
  EXPECT_TRUE(layout.inputs.empty());
  EXPECT_TRUE(layout.side_inputs.empty());
  EXPECT_EQ(layout.volumes.size(), 1U) << "the output's";
  const Fetched* code = find_fetched(layout, StoreUse::kCode, kSourceName);
  ASSERT_NE(code, nullptr);
  EXPECT_EQ(code->directory, "/parallelrun/fetched/source");
  EXPECT_EQ(code->credentials, "");
  const Fetched* input = find_fetched(layout, StoreUse::kInput, "images");
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(input->directory, "/parallelrun/fetched-inputs/images");
  EXPECT_EQ(input->secret, "keys");
  EXPECT_EQ(input->credentials, "/parallelrun/credentials/inputs/images");
  const Fetched* file = find_fetched(layout, StoreUse::kSideInput, "a");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->directory, "/parallelrun/fetched/side-inputs/a/net.pkl")
      << "a model that is one file keeps its name";
  EXPECT_EQ(file->mount_path, "/tmp/a");
  EXPECT_EQ(find_fetched(layout, StoreUse::kSideInput, "b")->directory, "/parallelrun/fetched/side-inputs/b");
  EXPECT_EQ(fetched_in(layout, true).size(), 4U);
  EXPECT_EQ(fetched_in(layout, false).size(), 4U) << "side inputs are listed there";
}

TEST(PodLayout, AnOutputInAStoreIsAFolderOfTheOrchestratorsPod) {
  op::JobManifest job;
  const json store = {
      {"s3", {{"bucket", "b"}, {"prefix", "out"}, {"credentials", {{"secretName", "keys"}}}}}};
  job.with("/output/source", store);
  const PodLayout layout = layout_of(job);
  EXPECT_EQ(layout.output.directory, "/parallelrun/output");
  EXPECT_EQ(layout.output.mount_path, "/parallelrun/output");
  EXPECT_FALSE(layout.output.read_only);
  EXPECT_EQ(layout.volumes.at(layout.output.volume), json({{"emptyDir", json::object()}}));
  EXPECT_FALSE(layout.output_on_workers);
  const Fetched* output = find_fetched(layout, StoreUse::kOutput, kOutputName);
  ASSERT_NE(output, nullptr);
  EXPECT_EQ(output->source, store);
  EXPECT_EQ(output->directory, "/parallelrun/output");
  EXPECT_EQ(output->credentials, "/parallelrun/credentials/output");
  EXPECT_EQ(fetched_in(layout, true).size(), 0U) << "no worker has it";
  EXPECT_EQ(fetched_in(layout, false).size(), 1U);
  job.with("/sideInputs", json::array({{{"name", "a"}, {"source", store}}}));
  EXPECT_EQ(fetched_in(layout_of(job), true).size(), 1U);
  EXPECT_EQ(fetched_in(layout_of(job), false).size(), 1U) << "such results are not compared with others";
}

TEST(PodLayout, AVolumeThatIsUsedTwiceIsOneVolume) {
  op::JobManifest job;
  job.with("/output/source", {{"persistentVolumeClaim", {{"claimName", "data"}}}, {"subPath", "out"}});
  const PodLayout layout = layout_of(job);
  EXPECT_EQ(layout.volumes.size(), 2U);
  EXPECT_EQ(layout.output.volume, layout.inputs.at("images").volume);
  EXPECT_TRUE(layout.inputs.at("images").read_only);
  EXPECT_FALSE(layout.output.read_only);
}

TEST(PodLayout, ASubPathOfDotsAndSlashesStaysBelowTheMount) {
  op::JobManifest job;
  job.with("/inputs/0/source/subPath", "./a//b/");
  EXPECT_EQ(layout_of(job).inputs.at("images").directory, "/parallelrun/inputs/images/./a//b/");
}

}  // namespace
}  // namespace parallelrun::pod
