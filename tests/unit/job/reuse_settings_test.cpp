#include "runner/job/reuse_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "job_fixture.h"

namespace parallelrun {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class ReuseSettings : public JobFolder {
 protected:
  static nlohmann::json of(const ResolvedJob& job) { return reuse_settings(job, "1.0"); }
  std::vector<std::string> changes(const nlohmann::json& before, std::vector<std::string> set = {}) const {
    return differing_reuse_settings(before, of(sound_with(std::move(set))));
  }
};

TEST_F(ReuseSettings, TheParametersOfAResubmissionCount) {
  const nlohmann::json before = of(sound());
  EXPECT_THAT(changes(before), IsEmpty());
  EXPECT_THAT(changes(before, {"miniBatchSize=20"}), ElementsAre(HasSubstr("miniBatchSize: was")));
  EXPECT_THAT(changes(before, {"nodeCount=2"}), ElementsAre("nodeCount: was 1, now 2"));
  EXPECT_THAT(changes(before, {"processCountPerNode=3"}), ElementsAre(HasSubstr("processCountPerNode: was")));
  EXPECT_THAT(changes(before, {"loggingLevel=DEBUG"}), ElementsAre(HasSubstr("loggingLevel: was")));
  EXPECT_THAT(changes(before, {"runInvocationTimeout=7"}),
              ElementsAre(HasSubstr("runInvocationTimeout: was")));
  EXPECT_THAT(changes(before, {"runMaxTry=7"}), ElementsAre(HasSubstr("runMaxTry: was")));
  EXPECT_THAT(changes(before, {"errorThreshold=7"}), IsEmpty());
  EXPECT_THAT(differing_reuse_settings(before, reuse_settings(sound(), "2.0")),
              ElementsAre(R"(version: was "1.0", now "2.0")"));
}

TEST_F(ReuseSettings, InAPodVolumesCountAndNotWhereTheyLie) {
  ResolvedJob job = sound();
  Source volume;
  volume.volume = {{"persistentVolumeClaim", {{"claimName", "data"}}}};
  job.spec.inputs[0].source = volume;
  const nlohmann::json before = reuse_settings(job, "1.0", PlacesCount::kByVolume);
  job.input_directories[job.spec.inputs[0].name] = "/elsewhere";
  EXPECT_THAT(differing_reuse_settings(before, reuse_settings(job, "1.0", PlacesCount::kByVolume)),
              IsEmpty());
  job.spec.inputs[0].source.volume["persistentVolumeClaim"]["claimName"] = "other";
  EXPECT_THAT(differing_reuse_settings(before, reuse_settings(job, "1.0", PlacesCount::kByVolume)),
              ElementsAre(AllOf(StartsWith("inputs: was"), HasSubstr("\"claimName\":\"other\""))));
}

TEST_F(ReuseSettings, EveryFileOfTheSourceDirectoryCounts) {
  write("table.csv", "1");
  const nlohmann::json before = of(sound());
  write("table.csv", "2");
  write("new.py", "");
  EXPECT_THAT(changes(before), ElementsAre(AllOf(StartsWith("code: "), HasSubstr("table.csv changed"),
                                                 HasSubstr("new.py is new"))));
}

TEST_F(ReuseSettings, TheOutputsOfJobsBesideTheScriptDoNot) {
  const nlohmann::json before = of(sound());
  write("earlier/.parallelrun/job.json", "{}");
  write("earlier/parallel_run_step.txt", "1\n");
  write("earlier/logs/user/error.txt", "");
  EXPECT_THAT(changes(before), IsEmpty());
  write("other/parallel_run_step.txt", "1\n");
  EXPECT_THAT(changes(before), ElementsAre("code: other/parallel_run_step.txt is new"));
}

TEST_F(ReuseSettings, TheValueOfAVariableStandsAsADigest) {
  const nlohmann::json before = of(sound());
  EXPECT_THAT(before.dump(), testing::Not(HasSubstr("secret")));
  JobSpec spec = spec_of(kLocal);
  spec.environment.variables["TOKEN"] = "another";
  EXPECT_THAT(differing_reuse_settings(before, of(sound(spec))),
              ElementsAre(HasSubstr("environment.variables.TOKEN: was")));
}

TEST_F(ReuseSettings, WhatTheScriptWritesItselfIsNotReused) {
  EXPECT_THAT(never_reused(sound()), HasSubstr("an argument names the output directory"));
  EXPECT_THAT(never_reused(sound_with({"arguments=[a]"})), IsEmpty());
  EXPECT_THAT(never_reused(sound_with({"arguments=[" + at("out") + "er/x]"})), IsEmpty());
  EXPECT_THAT(never_reused(sound_with({"arguments=[--to=" + at("out") + "/x]"})), HasSubstr("an argument"));
  EXPECT_THAT(never_reused(sound_with({"arguments=[--to=" + at("out") + "er:" + at("out") + "/x]"})),
              HasSubstr("an argument"));
  EXPECT_THAT(never_reused(sound_with({"outputAction=summary_only", "arguments=[a]"})),
              HasSubstr("summary_only"));
  ResolvedJob query = sound_with({"arguments=[a]"});
  query.spec.inputs.front().source.store = {{"sql", {{"table", "t"}}}};
  EXPECT_THAT(never_reused(query), HasSubstr("a query of a database"));
}

}  // namespace
}  // namespace parallelrun
