#include "runner/job/identity.h"

#include <gmock/gmock.h>

#include "job_fixture.h"

namespace parallelrun {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using IdentityTest = JobFolder;

TEST_F(IdentityTest, SettingsThatMayChange) {
  const nlohmann::json before = identifying_settings(sound());
  for (const char* set :
       {"nodeCount=3", "processCountPerNode=4", "runInvocationTimeout=5", "initTimeout=6", "runMaxTry=7",
        "errorThreshold=8", "allowedFailedCount=9", "allowedFailedPercent=10", "loggingLevel=DEBUG",
        "resourceMonitorInterval=11", "allowReuse=false", "output.overwrite=true", "metadata.name=other",
        "output.source.local.path=moved", "output.format=text", "worker={a: b}"}) {
    EXPECT_THAT(differing_settings(before, sound_with({set})), IsEmpty()) << set;
  }
}

TEST_F(IdentityTest, SettingsThatMakeAnotherJob) {
  write("other.py", "");
  const nlohmann::json before = identifying_settings(sound());
  for (const auto& [set, difference] :
       {std::pair{"miniBatchSize=20", "miniBatchSize: was 10, now 20"},
        std::pair{"arguments=[a]", "arguments: was ["},
        std::pair{"entryScript=other.py", "entryScript: was \"entry.py\", now \"other.py\""},
        std::pair{"inputs[0].glob=x*", "inputs: was ["},
        std::pair{"inputs[0].source.local.path=labels", "inputs: was ["},
        std::pair{"sideInputs[0].source.local.path=images", "sideInputs.labels: was \""},
        std::pair{"outputAction=summary_only", "outputAction: was \"append_row\", now \"summary_only\""},
        std::pair{"appendRowFileName=x", "appendRowFileName: was \"parallel_run_step.txt\", now \"x\""},
        std::pair{"output.format=csv", "output.format: was \"text\", now \"csv\""},
        std::pair{"output.format=jsonl", "output.format: was \"text\", now \"jsonl\""},
        std::pair{"environment.requirements=[a]", "environment.requirements: was not set, now [\"a\"]"},
        std::pair{"environment.image=x", "environment.image: was not set"},
        std::pair{"environment.env=[{name: B, value: c}]", "environment.env: was not set"},
        std::pair{"environment.variables.TOKEN=other", "environment.variables.TOKEN: was \"sha256:"},
        std::pair{"environment.variables.TOKEN=null", "environment.variables"}}) {
    const ResolvedJob now = sound_with({set});
    EXPECT_NE(fingerprint(now), fingerprint(before)) << set;
    const std::vector<std::string> differences = differing_settings(before, now);
    ASSERT_EQ(differences.size(), 1U) << set;
    EXPECT_THAT(differences[0], HasSubstr(difference));
  }
  write("entry.py", "changed");
  EXPECT_THAT(differing_settings(before, sound()), ElementsAre("code: entry.py changed"));
  EXPECT_THAT(differing_settings(before, sound_with({"arguments=[a]", "miniBatchSize=20"})),
              ElementsAre(HasSubstr("arguments: "), "code: entry.py changed", HasSubstr("miniBatchSize: ")));
}

TEST_F(IdentityTest, FilesThatTheScriptWroteMakeNoOtherJob) {
  write("table.csv", "1");
  const nlohmann::json before = identifying_settings(sound());
  write("progress.log", "1");
  write("lightning_logs/version_0/metrics.csv", "1");
  write("odd\xff\n\\name", "1");
  write("table.csv", "2");
  EXPECT_THAT(differing_settings(before, sound()), IsEmpty());
  EXPECT_NO_THROW(identifying_settings(sound()).dump());
  EXPECT_EQ(changed_beside_code(before, sound()),
            "table.csv changed, lightning_logs/version_0/metrics.csv is new, odd\\xff\\x0a\\x5cname is new");
  EXPECT_EQ(changed_beside_code(identifying_settings(sound()), sound()), std::nullopt);
  write("extra.py", "");
  EXPECT_THAT(differing_settings(before, sound()), ElementsAre("code: extra.py is new"));
}

TEST_F(IdentityTest, AMovedFolderIsTheSameJob) {
  const nlohmann::json before = identifying_settings(sound());
  const ResolvedJob here = sound();
  const auto moved = [&](const std::string& input, const std::string& output) {
    ResolvedJob job = here;
    job.input_directories["images"] = input;
    job.output_directory = output;
    return differing_settings(before, job);
  };
  const std::string images = here.input_directories.at("images");
  const std::string output = here.output_directory;
  EXPECT_THAT(moved(images, "/else/out"), IsEmpty()) << "the output alone";
  EXPECT_THAT(moved("/else/images", "/else/out"), IsEmpty()) << "all of it";
  EXPECT_THAT(moved("/other/images", "/else/out"), ElementsAre(HasSubstr("inputs")));
  // The data alone: the same directory under another name.
  std::filesystem::rename(images, images + "2");
  EXPECT_THAT(moved(images + "2", output), IsEmpty());
  std::filesystem::copy(images + "2", images + "3", std::filesystem::copy_options::recursive);
  EXPECT_THAT(moved(images + "3", output), ElementsAre(HasSubstr("images3")))
      << "a copy may be of other data";
}

TEST_F(IdentityTest, CodeInAnotherFormDiffers) {
  nlohmann::json before = identifying_settings(sound());
  before["code"] = sound().code_hash;
  EXPECT_THAT(differing_settings(before, sound()), ElementsAre(HasSubstr("code: was \"")));
  ResolvedJob job = sound();
  job.code_files.clear();
  EXPECT_THAT(differing_settings(before, job), IsEmpty()) << "the hash is all that is known";
  job.code_hash = "other";
  EXPECT_THAT(differing_settings(before, job), ElementsAre(HasSubstr("now \"other\"")));
  before.erase("code");
  EXPECT_THAT(differing_settings(before, job), ElementsAre("code: was not set, now \"other\""));
}

TEST_F(IdentityTest, ValuesOfVariablesAreNotWrittenDown) {
  const ResolvedJob job = sound_with({"environment.env=[{name: B, value: hidden}]"});
  const std::string text = identifying_settings(job).dump();
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
  EXPECT_THAT(text, HasSubstr("TOKEN"));
}

TEST_F(IdentityTest, SurvivesTheWayThroughJson) {
  const ResolvedJob job = sound();
  EXPECT_EQ(fingerprint(resolved_job_from_json(nlohmann::json::parse(to_json(job).dump())).value()),
            fingerprint(job));
  const nlohmann::json settings = identifying_settings(job);
  EXPECT_EQ(fingerprint(nlohmann::json::parse(settings.dump(2))), fingerprint(job));
  EXPECT_THAT(differing_settings(settings, job), IsEmpty());
}

TEST_F(IdentityTest, VolumesCountAsVolumes) {
  ResolvedJob job;
  job.spec = spec_of(kCluster);
  job.input_directories["images"] = "/mnt/1";
  job.side_input_directories["labels"] = "/mnt/2";
  const std::string before = fingerprint(job);
  job.input_directories["images"] = "/mnt/3";
  EXPECT_EQ(fingerprint(job), before);
  job.spec.inputs[0].source.sub_path = "other";
  EXPECT_NE(fingerprint(job), before);
}

TEST_F(IdentityTest, DifferencesOfAnything) {
  const ResolvedJob job = sound();
  EXPECT_THAT(differing_settings(nullptr, job), ElementsAre(HasSubstr("settings: was null, now {")));
  EXPECT_THAT(differing_settings(nlohmann::json::array(), job), ElementsAre(HasSubstr("settings: was []")));
  nlohmann::json before = identifying_settings(job);
  before.erase("miniBatchSize");
  before["b"] = 2;
  EXPECT_THAT(differing_settings(before, job),
              ElementsAre("b: was 2, now not set", "miniBatchSize: was not set, now 10"));
}

}  // namespace
}  // namespace parallelrun
