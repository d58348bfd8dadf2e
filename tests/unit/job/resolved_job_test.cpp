#include "runner/job/resolved_job.h"

#include <gmock/gmock.h>

#include "job_fixture.h"

namespace parallelrun {
namespace {

using testing::HasSubstr;
using ResolvedJobTest = JobFolder;

std::string refusal(const nlohmann::json& document) {
  const Result<ResolvedJob> job = resolved_job_from_json(document);
  return job.ok() ? "accepted" : job.error().message;
}

TEST_F(ResolvedJobTest, ComesBackFromJson) {
  const ResolvedJob job = sound_with({"allowedFailedPercent=2.5", "worker={nodeSelector: {a: b}}"});
  const Result<ResolvedJob> back = resolved_job_from_json(nlohmann::json::parse(to_json(job).dump()));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back.value(), job);
}

TEST_F(ResolvedJobTest, DistrustsWhatItReads) {
  const nlohmann::json good = to_json(sound());
  const auto changed = [&](const char* pointer, const nlohmann::json& value) {
    nlohmann::json document = good;
    document[nlohmann::json::json_pointer(pointer)] = value;
    return refusal(document);
  };
  EXPECT_THAT(refusal(nlohmann::json()), HasSubstr("manifest: is required"));
  EXPECT_THAT(refusal(nlohmann::json::array()), HasSubstr("must be an object"));
  EXPECT_THAT(changed("/manifest/spec/nodeCount", 0), HasSubstr("spec.nodeCount: 0 is out of range"));
  EXPECT_THAT(changed("/script", "entry.py"), HasSubstr("script: 'entry.py' is not an absolute path"));
  EXPECT_THAT(changed("/outputDirectory", nullptr), HasSubstr("outputDirectory: is required"));
  EXPECT_THAT(changed("/inputDirectories/other", "/x"), HasSubstr("inputDirectories.other: unknown field"));
  EXPECT_THAT(changed("/inputDirectories", nlohmann::json::object()),
              HasSubstr("inputDirectories.images: is required"));
  EXPECT_THAT(changed("/sideInputDirectories/labels", 3), HasSubstr("must be a string"));
  EXPECT_THAT(changed("/arguments", "x"), HasSubstr("arguments: must be a list"));
  EXPECT_THAT(changed("/codeFiles", nlohmann::json::array()), HasSubstr("codeFiles: must be an object"));
  EXPECT_THAT(changed("/codeFiles/entry.py", 1), HasSubstr("must be a string"));
  EXPECT_THAT(changed("/extra", 1), HasSubstr("extra: unknown field"));
}

}  // namespace
}  // namespace parallelrun
