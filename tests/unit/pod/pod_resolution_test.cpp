#include "runner/job/pod_resolution.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/spec/manifest.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

class PodResolutionTest : public testing::Test {
 protected:
  void SetUp() override {
    places_.root = root_;
    places_.source_copy = root_ / "copy";
    for (const char* folder : {"parallelrun/inputs/images/mnist/test", "parallelrun/output", "copy"})
      fs::create_directories(root_ / folder);
    std::ofstream(root_ / "copy/entry.py") << "x";
  }

  static JobSpec spec() {
    const nlohmann::json manifest = {
        {"apiVersion", "parallelrun.dev/v1alpha1"},
        {"kind", "ParallelRunJob"},
        {"metadata", {{"name", "digits"}, {"namespace", "default"}}},
        {"spec",
         {{"entryScript", "entry.py"},
          {"sourceDirectory", {{"configMap", {{"name", "code"}}}}},
          {"inputs",
           {{{"name", "images"},
             {"source", {{"persistentVolumeClaim", {{"claimName", "data"}}}, {"subPath", "mnist/test"}}}}}},
          {"sideInputs",
           {{{"name", "labels"},
             {"source", {{"configMap", {{"name", "l"}}}}},
             {"mountPath", "/tmp/labels"}}}},
          {"output",
           {{"source", {{"persistentVolumeClaim", {{"claimName", "data"}}}, {"subPath", "digits"}}}}},
          {"arguments", {"--labels=$(sideInputs.labels)", "$(inputs.images)"}}}}};
    ParsedSpec parsed = parse_manifest_document(manifest, Place::kCluster);
    EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : to_string(parsed.problems.front()));
    return parsed.spec;
  }
  std::string problem(const JobSpec& job) {
    const PodResolution resolution = resolve_in_pod(job, places_);
    return resolution.ok() ? "" : to_string(resolution.problems.front());
  }

  const test::TemporaryDirectory directory_;
  const fs::path& root_ = directory_.path();
  PodPlaces places_;
};

TEST_F(PodResolutionTest, TheTable) {
  const PodResolution resolution = resolve_in_pod(spec(), places_);
  ASSERT_TRUE(resolution.ok()) << to_string(resolution.problems.front());
  const ResolvedJob& job = resolution.job;
  EXPECT_EQ(job.input_directories.at("images"), root_ / "parallelrun/inputs/images/mnist/test");
  EXPECT_EQ(job.side_input_directories.at("labels"), root_.string() + "/tmp/labels");
  EXPECT_EQ(job.output_directory, root_ / "parallelrun/output/digits");
  EXPECT_TRUE(fs::is_directory(job.output_directory));
  EXPECT_EQ(job.script, root_ / "copy/entry.py");
  EXPECT_EQ(job.arguments.at(0), "--labels=" + root_.string() + "/tmp/labels");
  EXPECT_EQ(job.code_hash.size(), 64U);
}

TEST_F(PodResolutionTest, WhatIsMissingIsSaidInTheTermsOfTheVolume) {
  JobSpec job = spec();
  job.inputs.front().source.sub_path = "mnist/train";
  EXPECT_EQ(problem(job), "spec.inputs[0].source.subPath: 'mnist/train' does not exist in the volume");
  job = spec();
  job.entry_script = "other.py";
  EXPECT_EQ(problem(job), "spec.entryScript: 'other.py' does not exist in spec.sourceDirectory");
  fs::remove_all(root_ / "parallelrun/inputs");
  EXPECT_NE(problem(spec()).find("spec.inputs[0].source: the volume is not mounted"), std::string::npos);
}

// The same volume mounted twice: two paths, one directory.
TEST_F(PodResolutionTest, AnOutputThatIsAnInputIsRefusedWhateverPathLeadsThere) {
  fs::remove_all(root_ / "parallelrun/output");
  fs::create_symlink(root_ / "parallelrun/inputs/images", root_ / "parallelrun/output");
  JobSpec job = spec();
  job.output.source.sub_path = "mnist/test";
  EXPECT_NE(problem(job).find("is also the output directory"), std::string::npos);
  job.output.source.sub_path = "mnist/test/results";
  EXPECT_EQ(problem(job), "");
}

TEST_F(PodResolutionTest, AnOutputInAStoreIsWorkedAtInAFolderOfThePod) {
  JobSpec job = spec();
  job.output.source = {};
  job.output.source.store = {{"s3", {{"bucket", "b"}, {"prefix", "out"}}}};
  const PodResolution resolution = resolve_in_pod(job, places_);
  ASSERT_TRUE(resolution.ok()) << to_string(resolution.problems.front());
  EXPECT_EQ(resolution.job.output_directory, root_ / "parallelrun/output");
  EXPECT_EQ(shown_output(resolution.job), "s3://b/out");
}

TEST_F(PodResolutionTest, AScriptOfTheWorkersImageIsNotLookedFor) {
  JobSpec job = spec();
  job.source_directory.reset();
  job.entry_script = "/opt/model/entry.py";
  const PodResolution resolution = resolve_in_pod(job, places_);
  ASSERT_TRUE(resolution.ok());
  EXPECT_EQ(resolution.job.script, "/opt/model/entry.py");
  EXPECT_EQ(resolution.job.code_hash, "");
}

TEST_F(PodResolutionTest, AWorkerMissesItsSideInputByName) {
  ResolvedJob job = resolve_in_pod(spec(), places_).job;
  const Status missing = settle_in_worker(job, places_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message.rfind("spec.sideInputs[0].source", 0), 0U) << missing.error().message;
  fs::create_directories(root_ / "tmp/labels");
  EXPECT_TRUE(settle_in_worker(job, places_));
}

}  // namespace
}  // namespace parallelrun
