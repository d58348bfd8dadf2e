// Jobs that name datasets: what they wait for, what they take, and that it stays theirs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_model.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

json claim(const std::string& folder) {
  return {{"persistentVolumeClaim", {{"claimName", "data"}}}, {"subPath", folder}};
}

json a_version(int number, const std::string& folder) {
  return {{"version", number}, {"source", claim(folder)}, {"glob", "*.png"}};
}

json input_of(const json& reference) {
  return json::array({{{"name", "images"}, {"source", {{"dataset", reference}}}}});
}

json job_with(json inputs) {
  json job = a_job();
  job["spec"]["inputs"] = std::move(inputs);
  return job;
}

json source_in(const Cluster& cluster) { return cluster.job_json["spec"]["inputs"][0]["source"]; }

TEST(Datasets, AJobGetsTheNewestVersionAndSaysSo) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}})));
  // By number, not by place.
  cluster.dataset("mnist", "file", json::array({a_version(3, "three"), a_version(1, "one")}));
  cluster.bring_up();
  EXPECT_EQ(cluster.state(), "Running");
  ASSERT_EQ(cluster.job["status"]["datasets"].size(), 1U);
  const json recorded = cluster.job["status"]["datasets"][0];
  EXPECT_EQ(recorded["name"], "mnist");
  EXPECT_EQ(recorded["version"], 3);
  EXPECT_EQ(recorded["type"], "file");
  EXPECT_EQ(recorded["source"], claim("three"));
  EXPECT_EQ(source_in(cluster)["subPath"], "three");
  EXPECT_EQ(source_in(cluster)["fromDataset"], json({{"name", "mnist"}, {"version", 3}}));
  EXPECT_EQ(cluster.job_json["spec"]["inputs"][0]["glob"], "*.png");
  ASSERT_FALSE(cluster.events.empty());
  EXPECT_THAT(cluster.events.front().message,
              HasSubstr("inputs.images: dataset 'mnist', version 3 (persistentVolumeClaim data/three/*.png), "
                        "the newest"));
}

TEST(Datasets, WhatWasRecordedIsTheJobsWhateverBecomesOfTheDataset) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}})));
  cluster.dataset("mnist", "file", json::array({a_version(1, "one")})).bring_up();
  const std::string hash = cluster.job["status"]["specHash"];
  // A newer version, another one under the same number, none at all; and each time all is made anew.
  const auto stays = [&](const char* what) {
    cluster.edit("suspend", true).settle();
    EXPECT_EQ(cluster.state(), "Suspended") << what;
    cluster.after(std::chrono::seconds(60)).edit("suspend", false);
    cluster.bring_up();
    EXPECT_EQ(cluster.state(), "Running") << what << ": " << cluster.message();
    EXPECT_EQ(source_in(cluster)["subPath"], "one") << what;
    EXPECT_EQ(cluster.job["status"]["specHash"], hash) << what;
    EXPECT_EQ(cluster.job["status"]["datasets"][0]["version"], 1) << what;
  };
  cluster.dataset("mnist", "file", json::array({a_version(1, "one"), a_version(2, "two")}));
  stays("a newer version");
  cluster.dataset("mnist", "tabular", json::array({a_version(1, "elsewhere")}));
  stays("made anew");
  cluster.no_dataset("mnist");
  stays("deleted");
  cluster.datasets.known = false;
  stays("not known");
}

TEST(Datasets, ADeletionIsToldOnce) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}, {"version", 1}})));
  cluster.dataset("mnist", "file", json::array({a_version(1, "one")})).bring_up();
  cluster.news();
  cluster.no_dataset("mnist").settle();
  EXPECT_THAT(cluster.news(), ElementsAre("DatasetDeleted"));
  EXPECT_THAT(cluster.events.back().message, AllOf(HasSubstr("'mnist' was deleted"), HasSubstr("version 1")));
  EXPECT_EQ(cluster.job["status"]["datasets"][0]["deleted"], true);
  EXPECT_EQ(cluster.settle(), 0);
  EXPECT_EQ(cluster.state(), "Running");
  cluster.dataset("mnist", "file", json::array({a_version(1, "one")})).settle();
  EXPECT_FALSE(cluster.job["status"]["datasets"][0].contains("deleted"));
  EXPECT_THAT(cluster.news(), IsEmpty());
  // What cannot be listed is not gone.
  cluster.no_dataset("mnist").datasets.known = false;
  EXPECT_EQ(cluster.settle(), 0);
}

TEST(Datasets, AJobWaitsForOneThatIsNotThere) {
  Cluster cluster(job_with(input_of({{"name", "mnist-tset"}})));
  cluster.dataset("mnist-test", "file", json::array({a_version(1, "one")}));
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Pending");
  EXPECT_EQ(cluster.condition("Running"), "False/DatasetMissing");
  EXPECT_THAT(
      cluster.message(),
      AllOf(HasSubstr("spec.inputs[0].source.dataset: there is no dataset 'mnist-tset'"),
            HasSubstr("did you mean 'mnist-test'?"), HasSubstr("datasets register mnist-tset -n default")));
  EXPECT_FALSE(cluster.job["status"].contains("startTime"));
  EXPECT_TRUE(cluster.job_json.is_null());
  EXPECT_THAT(cluster.names(), IsEmpty());
  EXPECT_THAT(cluster.news(), ElementsAre("DatasetMissing"));
  EXPECT_EQ(cluster.settle(), 0) << "waiting costs nothing";
  cluster.dataset("mnist-tset", "file", json::array({a_version(1, "two")})).bring_up();
  EXPECT_EQ(cluster.state(), "Running");
  EXPECT_EQ(source_in(cluster)["subPath"], "two");
}

TEST(Datasets, AJobWaitsForAVersion) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}, {"version", 2}})));
  cluster.dataset("mnist", "file", json::array({a_version(3, "c"), a_version(1, "a")})).settle();
  EXPECT_EQ(cluster.condition("Running"), "False/DatasetMissing");
  EXPECT_THAT(cluster.message(), HasSubstr("the dataset 'mnist' has no version 2; it has: 1, 3"));
  cluster.dataset("mnist", "file", json::array({a_version(3, "c"), a_version(2, "b"), a_version(1, "a")}));
  cluster.bring_up();
  EXPECT_EQ(source_in(cluster)["subPath"], "b");
}

TEST(Datasets, TheNamespaceHasNoneOrTheOperatorCannotList) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}})));
  cluster.settle();
  EXPECT_THAT(cluster.message(), HasSubstr("in the namespace default, which has none"));
  Cluster blind(job_with(input_of({{"name", "mnist"}})));
  blind.datasets.known = false;
  blind.settle();
  EXPECT_EQ(blind.condition("Running"), "False/DatasetsUnreadable");
  EXPECT_THAT(blind.message(), HasSubstr("Install or upgrade the whole chart"));
  ASSERT_TRUE(blind.decision().again_at) << "nobody tells when it can";
}

TEST(Datasets, WhatNoDatasetMendsFails) {
  // Wrong by itself: it does not wait first.
  json wrong = job_with(input_of({{"name", "mnist"}}));
  wrong["spec"]["runMaxTry"] = 0;
  Cluster cluster(wrong);
  cluster.settle();
  EXPECT_EQ(cluster.state(), "Failed");
  EXPECT_THAT(cluster.message(), HasSubstr("runMaxTry"));

  json typed = job_with(input_of({{"name", "mnist"}}));
  typed["spec"]["inputs"][0]["type"] = "tabular";
  Cluster other(typed);
  other.dataset("mnist", "file", json::array({a_version(1, "one")})).settle();
  EXPECT_EQ(other.state(), "Failed");
  EXPECT_THAT(other.message(), HasSubstr("spec.inputs[0].type: is tabular, but the dataset 'mnist' is file"));

  // What a dataset may be, but not there.
  json rows = a_job();
  rows["spec"]["sideInputs"] =
      json::array({{{"name", "rows"}, {"source", {{"dataset", {{"name", "rows"}}}}}}});
  Cluster database(rows);
  database
      .dataset(
          "rows", "tabular",
          json::array({{{"version", 1},
                        {"source", {{"sql", {{"table", "t"}, {"credentials", {{"secretName", "db"}}}}}}}}}))
      .settle();
  EXPECT_EQ(database.state(), "Failed");
  EXPECT_THAT(database.message(),
              AllOf(HasSubstr("spec.sideInputs[0].source.sql"), HasSubstr("status.datasets")));
}

TEST(Datasets, AVersionThatCannotBeUsedIsInNoOthersWay) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}, {"version", 1}})));
  const json later = {{"version", 2}, {"sourceOfTomorrow", 1}};
  cluster.dataset("mnist", "file", json::array({a_version(1, "one"), later})).bring_up();
  EXPECT_EQ(cluster.state(), "Running");
  Cluster newest(job_with(input_of({{"name", "mnist"}})));
  newest.dataset("mnist", "file", json::array({a_version(1, "one"), later})).settle();
  EXPECT_EQ(newest.condition("Running"), "False/DatasetInvalid");
  EXPECT_THAT(newest.message(), HasSubstr("version 2 of the dataset 'mnist' cannot be used"));
}

TEST(Datasets, TheTypeComesFromATableOfSeveralParts) {
  json job = job_with(input_of({{"name", "sales"}}));
  job["spec"]["miniBatchSize"] = "1MB";
  job["spec"]["sideInputs"] =
      json::array({{{"name", "model"}, {"source", {{"dataset", {{"name", "models"}, {"version", 4}}}}}}});
  Cluster cluster(job);
  cluster.dataset("sales", "tabular",
                  json::array({{{"version", 1},
                                {"parts", json::array({{{"source", claim("a")}, {"delimiter", ";"}},
                                                       {{"source", claim("b")}}})}}}));
  cluster.dataset("models", "file", json::array({a_version(4, "m"), a_version(5, "n")}));
  cluster.bring_up();
  EXPECT_EQ(cluster.state(), "Running") << cluster.message();
  const json& inputs = cluster.job_json["spec"]["inputs"];
  ASSERT_EQ(inputs.size(), 2U);
  EXPECT_EQ(inputs[0]["type"], "tabular");
  EXPECT_EQ(inputs[0]["delimiter"], ";");
  EXPECT_EQ(inputs[1]["name"], "images_2");
  EXPECT_EQ(cluster.job_json["spec"]["sideInputs"][0]["source"]["subPath"], "m");
  EXPECT_THAT(cluster.events.front().message, HasSubstr("becomes 2 inputs"));
}

TEST(Datasets, OneDatasetInTwoVersions) {
  json inputs = input_of({{"name", "mnist"}, {"version", 1}});
  inputs.push_back({{"name", "more"}, {"source", {{"dataset", {{"name", "mnist"}}}}}});
  Cluster cluster(job_with(inputs));
  cluster.dataset("mnist", "file", json::array({a_version(1, "one"), a_version(2, "two")})).bring_up();
  EXPECT_EQ(cluster.job_json["spec"]["inputs"][0]["source"]["subPath"], "one");
  EXPECT_EQ(cluster.job_json["spec"]["inputs"][1]["source"]["subPath"], "two");
  EXPECT_EQ(cluster.job["status"]["datasets"].size(), 2U);
}

// The Secret is made beside the status write, which may be refused: it must not hold what status never had.
TEST(Datasets, TheSecretIsMadeOfWhatStatusHas) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}})));
  cluster.dataset("mnist", "file", json::array({a_version(1, "one")}));
  const Snapshot before = cluster.snapshot();
  const Plan plan = cluster.decision();
  EXPECT_FALSE(plan.write_secret);
  EXPECT_THAT(plan.create, IsEmpty());
  // Somebody else writes the job first, and a version comes.
  cluster.job["metadata"]["resourceVersion"] = "another";
  EXPECT_FALSE(cluster.apply(plan, before));
  cluster.dataset("mnist", "file", json::array({a_version(1, "one"), a_version(2, "two")})).bring_up();
  EXPECT_EQ(cluster.job["status"]["datasets"][0]["version"], 2);
  EXPECT_EQ(source_in(cluster)["subPath"], "two");
}

TEST(Datasets, MoreThanStatusCanHoldIsRefused) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}})));
  json parts = json::array();
  for (int i = 0; i < 64; ++i) {
    parts.push_back({{"source", claim("a" + std::to_string(i))},
                     {"glob", std::string(900, 'g')},
                     {"columns", json::object()}});
    for (int k = 0; k < 400; ++k) parts.back()["columns"]["column" + std::to_string(k)] = "string";
  }
  cluster.dataset("mnist", "tabular", json::array({{{"version", 1}, {"parts", parts}}})).settle();
  EXPECT_EQ(cluster.state(), "Failed");
  EXPECT_THAT(cluster.message(), HasSubstr("can be recorded in the job's status"));
}

TEST(Datasets, ASuspendedJobThatWaitsIsResumed) {
  Cluster cluster(job_with(input_of({{"name", "mnist"}})));
  cluster.edit("suspend", true).settle();
  EXPECT_EQ(cluster.state(), "Suspended");
  cluster.edit("suspend", false).settle();
  EXPECT_EQ(cluster.state(), "Pending");
  EXPECT_EQ(cluster.condition("Suspended"), "False/Resumed");
  EXPECT_EQ(cluster.settle(), 0);
}

}  // namespace
}  // namespace parallelrun::op
