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
