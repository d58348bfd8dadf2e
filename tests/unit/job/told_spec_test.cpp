#include "runner/job/told_spec.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

TEST(ToldSpec, HasNoValueOfAVariable) {
  JobSpec spec;
  spec.entry_script = "score.py";
  spec.environment.variables = {{"API_TOKEN", "hunter2"}};
  spec.environment.env = nlohmann::json::parse(
      R"([{"name": "KEY", "value": "hunter2"},
          {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}}])");
  const nlohmann::json told = told_spec(spec);
  EXPECT_EQ(told.dump().find("hunter2"), std::string::npos);
  EXPECT_EQ(told["spec"]["entryScript"], "score.py");
  const nlohmann::json& environment = told["spec"]["environment"];
  EXPECT_EQ(environment["variables"]["API_TOKEN"], "***");
  EXPECT_EQ(environment["env"][0]["value"], "***");
  EXPECT_EQ(environment["env"][1]["valueFrom"]["secretKeyRef"]["name"], "keys");
}

TEST(ToldSpec, OfNoEnvironmentIsTheManifest) {
  JobSpec spec;
  spec.entry_script = "score.py";
  EXPECT_EQ(told_spec(spec)["spec"]["entryScript"], "score.py");
}

}  // namespace
}  // namespace parallelrun
