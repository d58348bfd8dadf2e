#include "runner/job/local_resolution.h"

#include <gmock/gmock.h>

#include "job_fixture.h"

namespace parallelrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using LocalResolutionTest = JobFolder;

TEST_F(LocalResolutionTest, PathsAreRelativeToTheManifest) {
  const ResolvedJob job = sound();
  EXPECT_EQ(job.source_directory, folder_.string());
  EXPECT_EQ(job.script, at("entry.py"));
  EXPECT_EQ(job.input_directories.at("images"), at("images"));
  EXPECT_EQ(job.side_input_directories.at("labels"), at("labels"));
  EXPECT_EQ(job.output_directory, at("out"));
  EXPECT_THAT(job.arguments,
              ElementsAre("--labels", at("labels"), "--to=" + at("out") + "/x", at("images"), "$(output)"));
  EXPECT_EQ(job.code_hash.size(), 64U);
  EXPECT_FALSE(std::filesystem::exists(at("out"))) << "resolving writes nothing";
}

TEST_F(LocalResolutionTest, OptionsStandInForVolumes) {
  LocalOverrides overrides;
  overrides.inputs["images"] = at("images");
  overrides.side_inputs["labels"] = at("labels/./");
  overrides.source_directory = folder_.string();
  overrides.output = at("elsewhere/deep");
  const ResolvedJob job = sound(spec_of(kCluster), overrides);
  EXPECT_EQ(job.side_input_directories.at("labels"), at("labels"));
  EXPECT_EQ(job.output_directory, at("elsewhere/deep"));
  EXPECT_EQ(job.spec.inputs[0].source.local_path, at("images"));
  EXPECT_EQ(job.spec.inputs[0].source.sub_path, "") << "a subPath is the volume's";
}

TEST_F(LocalResolutionTest, ASideInputMayBeAFile) {
  write("model.bin", "weights");
  const ResolvedJob job = sound(spec_of(kLocal, {"sideInputs[0].source.local.path=model.bin"}));
  EXPECT_EQ(job.side_input_directories.at("labels"), at("model.bin"));
  EXPECT_EQ(job.arguments[1], at("model.bin"));
  LocalOverrides overrides;
  overrides.side_inputs["labels"] = at("model.bin");
  EXPECT_EQ(sound(spec_of(kLocal), overrides).side_input_directories.at("labels"), at("model.bin"));
  EXPECT_EQ(problem(spec_of(kLocal, {"sideInputs[0].source.local.path=/dev/null"})),
            "spec.sideInputs[0].source: the path '/dev/null' is neither a file nor a directory");
}

TEST_F(LocalResolutionTest, VolumesWithoutAnOptionNameIt) {
  const LocalResolution resolution = resolved(spec_of(kCluster));
  ASSERT_EQ(resolution.problems.size(), 4U);
  EXPECT_EQ(to_string(resolution.problems[0]),
            "spec.inputs[0].source: a persistentVolumeClaim exists only on a cluster; give a "
            "directory in its place with --input images=DIR");
  EXPECT_THAT(resolution.problems[1].message, HasSubstr("--side-input labels=DIR"));
  EXPECT_THAT(resolution.problems[2].message, HasSubstr("--source-directory DIR"));
  EXPECT_THAT(resolution.problems[3].message, HasSubstr("--output DIR"));
}

TEST_F(LocalResolutionTest, UnknownNamesNameTheKnownOnes) {
  LocalOverrides overrides;
  overrides.inputs["image"] = at("images");
  EXPECT_EQ(problem(spec_of(kLocal), overrides),
            "--input: the job has no input with the name 'image'; did you mean 'images'?");
  overrides = {};
  overrides.side_inputs["x"] = at("images");
  EXPECT_EQ(problem(spec_of(kLocal), overrides),
            "--side-input: the job has no side input with the name 'x'; known: 'labels'");
}

TEST_F(LocalResolutionTest, DirectoriesMustExist) {
  EXPECT_EQ(problem(spec_of(kLocal, {"inputs[0].source.local.path=imgs"})),
            "spec.inputs[0].source: the directory '" + at("imgs") + "' does not exist");
  EXPECT_THAT(problem(spec_of(kLocal, {"inputs[0].source.local.path=entry.py"})),
              HasSubstr("is not a directory"));
  EXPECT_EQ(problem(spec_of(kLocal, {"sideInputs[0].source.local.path=lbls"})),
            "spec.sideInputs[0].source: the path '" + at("lbls") + "' does not exist");
  LocalOverrides overrides;
  overrides.inputs["images"] = at("nothing");
  EXPECT_THAT(problem(spec_of(kLocal), overrides), StartsWith("--input images=DIR: the directory"));
  overrides.inputs["images"] = "";
  EXPECT_THAT(problem(spec_of(kLocal), overrides), HasSubstr("the directory is missing"));
  EXPECT_EQ(problem(spec_of(kLocal, {"output.source.local.path=entry.py/out"})),
            "spec.output.source: the directory '" + at("entry.py/out") + "' cannot be made: '" +
                at("entry.py") + "' is not a directory; choose another with --output DIR");
}

TEST_F(LocalResolutionTest, TheScriptMustExist) {
  EXPECT_EQ(problem(spec_of(kLocal, {"entryScript=entri.py"})),
            "spec.entryScript: the script '" + at("entri.py") + "' does not exist");
  EXPECT_THAT(problem(spec_of(kLocal, {"entryScript=images"})), HasSubstr("is not a file"));
  EXPECT_THAT(problem(spec_of(kLocal, {"environment.requirementsFile=r.txt"})),
              HasSubstr("r.txt' does not exist"));
  EXPECT_EQ(sound_with({"entryScript=" + at("entry.py"), "sourceDirectory=null"}).source_directory, "");
}

TEST_F(LocalResolutionTest, ASourceDirectoryForAScriptOfAnImage) {
  const JobSpec spec = spec_of(kLocal, {"entryScript=" + at("entry.py"), "sourceDirectory=null"});
  LocalOverrides overrides;
  overrides.source_directory = folder_.string();
  EXPECT_EQ(sound(spec, overrides).spec.entry_script, "entry.py");
  overrides.source_directory = at("images");
  EXPECT_THAT(problem(spec, overrides), HasSubstr("is not below"));
}

TEST_F(LocalResolutionTest, TheOutputIsNotWhatIsRead) {
  EXPECT_THAT(
      problem(spec_of(kLocal, {"output.source.local.path=./labels/"})),
      HasSubstr("spec.sideInputs[0]: the directory '" + at("labels") + "' is also the output directory"));
  std::filesystem::create_directory_symlink(at("images"), at("link"));
  EXPECT_THAT(problem(spec_of(kLocal, {"output.source.local.path=link"})),
              HasSubstr("is also the output directory"));
  EXPECT_THAT(problem(spec_of(kLocal, {"output.source.local.path=."})), HasSubstr("spec.sourceDirectory"));
  std::filesystem::create_directories(at("out/logs/user"));
  EXPECT_THAT(problem(spec_of(kLocal, {"inputs[0].source.local.path=out/logs/user"})),
              HasSubstr("holds the runner's own files"));
  EXPECT_EQ(problem(spec_of(kLocal, {"output.source.local.path=images/out"})), "no problem");
}

TEST_F(LocalResolutionTest, WhatIsNotCodeDoesNotChangeTheCode) {
  const ResolvedJob before = sound();
  EXPECT_THAT(before.not_code, ElementsAre("images", "job.yaml", "labels", "out"));
  write("out/parallel_run_step.txt", "row\n");
  write("images/a/1.png", "x");
  write("job.yaml", "changed");
  EXPECT_EQ(sound().code_hash, before.code_hash);
  write("entry.py", "def init(): pass\ndef run(batch): return []\n");
  const std::string changed = sound().code_hash;
  EXPECT_NE(changed, before.code_hash);
  write("model/sibling.py", "");
  EXPECT_NE(sound().code_hash, changed);
}

TEST_F(LocalResolutionTest, DataThatHoldsTheScriptIsCode) {
  const ResolvedJob job = sound_with({"inputs[0].source.local.path=."});
  EXPECT_THAT(job.not_code, ElementsAre("job.yaml", "labels", "out"));
}

TEST_F(LocalResolutionTest, NamesThatAreNotUtf8) {
  LocalOverrides overrides;
  overrides.inputs["images"] = at("\xff");
  std::filesystem::create_directory(overrides.inputs["images"]);
  EXPECT_THAT(problem(spec_of(kLocal), overrides), HasSubstr("is not UTF-8"));
}

TEST_F(LocalResolutionTest, LimitsOfOneMachine) {
  EXPECT_THAT(problem(spec_of(kLocal, {"nodeCount=255"})), HasSubstr("spec.nodeCount: 255 is too many"));
  EXPECT_EQ(problem(spec_of(kLocal, {"nodeCount=254"})), "no problem");
  const JobSpec secret = spec_of(
      kLocal,
      {"environment.env=[{name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: B, value: c}]"});
  EXPECT_THAT(problem(secret), HasSubstr("spec.environment.env[0].valueFrom: exists only on a cluster"));
  LocalOverrides overrides;
  overrides.environment_names = {"KEY"};
  EXPECT_EQ(problem(secret, overrides), "no problem");
}

}  // namespace
}  // namespace parallelrun
