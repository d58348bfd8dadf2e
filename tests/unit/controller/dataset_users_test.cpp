#include "operator/controller/dataset_users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

json naming(std::initializer_list<const char*> datasets) {
  json inputs = json::array();
  for (const char* name : datasets) inputs.push_back({{"source", {{"dataset", {{"name", name}}}}}});
  return {{"spec", {{"inputs", inputs}}}};
}

std::vector<std::string> users(const DatasetUsers& all, const std::string& name_space,
                               const std::string& dataset) {
  std::vector<std::string> names;
  for (const kube::ObjectKey& job : all.of({name_space, dataset})) {
    EXPECT_EQ(job.name_space, name_space);
    names.push_back(job.name);
  }
  return names;
}

TEST(DatasetUsers, KnowsWhoNamesWhat) {
  DatasetUsers all;
  const json one = naming({"a", "b", "a"});
  const json two = naming({"b"});
  all.job_changed({"team", "one"}, &one);
  all.job_changed({"team", "two"}, &two);
  all.job_changed({"other", "three"}, &two);
  EXPECT_THAT(users(all, "team", "a"), ElementsAre("one"));
  EXPECT_THAT(users(all, "team", "b"), ElementsAre("one", "two"));
  EXPECT_THAT(users(all, "other", "b"), ElementsAre("three"));
  EXPECT_THAT(users(all, "other", "a"), IsEmpty());
}

TEST(DatasetUsers, ForgetsWhatAJobNamesNoMore) {
  DatasetUsers all;
  const json before = naming({"a", "b"});
  const json after = naming({"b"});
  all.job_changed({"team", "one"}, &before);
  all.job_changed({"team", "one"}, &after);
  EXPECT_THAT(users(all, "team", "a"), IsEmpty());
  EXPECT_THAT(users(all, "team", "b"), ElementsAre("one"));
  all.job_changed({"team", "one"}, nullptr);
  EXPECT_THAT(users(all, "team", "b"), IsEmpty());
}

TEST(DatasetUsers, OddJobsNameNothing) {
  DatasetUsers all;
  for (const char* text : {"null", "[]", R"({"spec": 1})", R"({"spec": {"inputs": {"a": 1}}})",
                           R"({"spec": {"inputs": [1, {"source": []}, {"source": {"dataset": "x"}}]}})",
                           R"({"spec": {"sideInputs": [{"source": {"dataset": {"name": 7}}}]}})"}) {
    const json odd = json::parse(text);
    all.job_changed({"team", "odd"}, &odd);
  }
  const json named = json::parse(R"({"spec": {"sideInputs": [{"source": {"dataset": {"name": "x"}}}]}})");
  all.job_changed({"team", "odd"}, &named);
  EXPECT_THAT(users(all, "team", "x"), ElementsAre("odd"));
}

}  // namespace
}  // namespace parallelrun::op
