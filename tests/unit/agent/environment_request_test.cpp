#include "runner/agent/environment_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(EnvironmentRequestTest, PathsAreMeantFromTheSourceDirectory) {
  ResolvedJob job;
  job.source_directory = "/src";
  job.spec.environment.requirements_file = "env/r.txt";
  EnvironmentRequest request = environment_request(job, {}, {"/bin", "/bin/parallelrun-exec"});
  EXPECT_EQ(request.requirements_file, "/src/env/r.txt");
  EXPECT_EQ(request.package_directory, "/bin/python");
}

TEST(EnvironmentRequestTest, InstallersReadTheJobsVariables) {
  ResolvedJob job;
  job.spec.environment.variables = {{"PIP_INDEX_URL", "https://a/simple"}, {"PATH", "/nowhere"}, {"X", "y"}};
  job.spec.environment.env = nlohmann::json::parse(R"json(
      [{"name":"UV_INDEX","value":"https://b/simple"}, {"name":"PIP_CERT","value":"$(X)"},
       {"name":"PIP_EXTRA_INDEX_URL","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}])json");
  const EnvironmentRequest request =
      environment_request(job, {"PATH=/bin", "PIP_INDEX_URL=https://old", "PIP_CERT=/resolved"}, {});
  EXPECT_THAT(request.variables, UnorderedElementsAre("PATH=/bin", "PIP_INDEX_URL=https://a/simple",
                                                      "UV_INDEX=https://b/simple", "PIP_CERT=/resolved"));
  EXPECT_THAT(request.secret_names, ElementsAre("PIP_EXTRA_INDEX_URL"));
  EXPECT_THAT(request.requirements, IsEmpty());
}

}  // namespace
}  // namespace parallelrun::agent
