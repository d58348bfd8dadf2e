#include "runner/job/pod_reuse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "common/hash/sha256.h"
#include "common/spec/manifest.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kDigest(64, '7');

json claim(const char* name, const char* sub_path) {
  return {{"persistentVolumeClaim", {{"claimName", name}}}, {"subPath", sub_path}};
}

JobSpec spec_with(const std::function<void(json&)>& change = [](json&) {}) {
  json manifest = {{"apiVersion", "parallelrun.dev/v1alpha1"},
                   {"kind", "ParallelRunJob"},
                   {"metadata", {{"name", "digits"}, {"namespace", "team"}}},
                   {"spec",
                    {{"entryScript", "entry.py"},
                     {"sourceDirectory", {{"configMap", {{"name", "code"}}}}},
                     {"inputs", {{{"name", "images"}, {"source", claim("data", "test")}}}},
                     {"output", {{"source", claim("results", "digits")}}}}}};
  change(manifest["spec"]);
  ParsedSpec parsed = parse_manifest_document(manifest, Place::kCluster);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : to_string(parsed.problems.front()));
  return parsed.spec;
}

PodReuse of(const JobSpec& spec, const std::string& runs = "") {
  PodPlaces places;
  places.root = "/r";
  return pod_reuse(spec, places, runs);
}

std::string never(const std::function<void(json&)>& change) { return of(spec_with(change)).never; }

TEST(PodReuse, WhatIsWhollyKnownMayBeReused) {
  EXPECT_EQ(never([](json&) {}), "");
  EXPECT_EQ(never([](json& spec) { spec["environment"]["image"] = "a/b@sha256:" + kDigest; }), "");
  EXPECT_EQ(
      never([](json& spec) { spec["worker"]["volumes"] = {{{"name", "s"}, {"emptyDir", json::object()}}}; }),
      "");
  EXPECT_EQ(of(spec_with([](json& spec) { spec["environment"]["image"] = "a@sha256:" + kDigest; })).image,
            "a@sha256:" + kDigest);
}

TEST(PodReuse, WhatNobodyCanCompareKeepsResultsFromBeingReused) {
  for (const char* image : {"a/b:v3", "a/b", "a/b@sha256:12", "a@sha256:x"})
    EXPECT_THAT(never([&](json& spec) { spec["environment"]["image"] = image; }), HasSubstr(image));
  EXPECT_THAT(never([](json& spec) {
                spec["worker"]["volumes"] = {{{"name", "more"}, {"configMap", {{"name", "c"}}}}};
              }),
              HasSubstr("'more' of spec.worker.volumes"));
  EXPECT_THAT(never([](json& spec) { spec["output"]["mountOnWorkers"] = true; }),
              HasSubstr("mountOnWorkers"));
  EXPECT_THAT(never([](json& spec) {
                spec.erase("sourceDirectory");
                spec["entryScript"] = "/app/entry.py";
              }),
              HasSubstr("a file of the runner image"));
  EXPECT_EQ(never([](json& spec) {
              spec.erase("sourceDirectory");
              spec["entryScript"] = "/app/entry.py";
              spec["environment"]["image"] = "a@sha256:" + kDigest;
            }),
            "");
  const auto variable = [](const char* kind) {
    return [kind](json& spec) {
      spec["environment"]["env"] = {{{"name", "X"}, {"valueFrom", {{kind, {{"name", "n"}, {"key", "k"}}}}}}};
    };
  };
  EXPECT_THAT(never(variable("configMapKeyRef")), HasSubstr("'X' is in a ConfigMap"));
  EXPECT_EQ(never(variable("secretKeyRef")), "");
}

TEST(PodReuse, SideInputsAreComparedButForImages) {
  const auto with = [](const json& source) {
    return never([&](json& spec) { spec["sideInputs"] = {{{"name", "model"}, {"source", source}}}; });
  };
  EXPECT_EQ(with(claim("models", "m/net.bin")), "");
  EXPECT_THAT(with({{"image", {{"reference", "a/model:1"}}}}), HasSubstr("'model' is an image"));
}

TEST(PodReuse, OnlyPlacesOfTheVolumeAreLookedAt) {
  const auto given = [](const json& runs) { return of(spec_with(), runs.dump()).runs; };
  const auto one = [](const std::string& sub_path) {
    return json::array({{{"job", "a"}, {"subPath", sub_path}, {"record", kDigest}}});
  };
  const GivenRun good{"a", "/r/parallelrun/output/b/c", kDigest};
  EXPECT_EQ(given(one("b/c")), std::vector<GivenRun>{good});
  EXPECT_EQ(given(one(""))[0].output, "/r/parallelrun/output");
  for (const char* sub_path : {"../x", "a/../../x", "/etc", ".."})
    EXPECT_THAT(given(one(sub_path)), IsEmpty());
  EXPECT_THAT(given({{{"job", "a"}, {"subPath", "b"}, {"record", "short"}}}), IsEmpty());
  EXPECT_THAT(given({{{"subPath", "b"}, {"record", kDigest}}}), IsEmpty());
  EXPECT_THAT(given({1, "x", nullptr}), IsEmpty());
  EXPECT_THAT(of(spec_with(), "no JSON").runs, IsEmpty());
}

TEST(PodReuse, TravelsAsJson) {
  PodReuse reuse = of(spec_with(), R"([{"job": "a", "subPath": "b", "record": ")" + kDigest + "\"}]");
  reuse.never = "why";
  reuse.image = "i";
  EXPECT_EQ(pod_reuse_from_json(json::parse(to_json(reuse).dump())), reuse);
  EXPECT_EQ(pod_reuse_from_json(json()), PodReuse());
}

class Namespace : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return (directory_.path() / name).string(); }
  GivenRun left_by(const std::string& job, int size) {
    directory_.write(job + "/.parallelrun/journal", "x");
    NamespaceRuns runs({});
    EXPECT_TRUE(runs.add({at(job), "x", "2026-01-01T00:00:00Z", {{"miniBatchSize", size}}, "i", "c", "j"}));
    return {job, at(job), runs.record()};
  }
  const test::TemporaryDirectory directory_;
  std::vector<std::string> problems_;
};

TEST_F(Namespace, KnowsWhatJobsHaveLeft) {
  const GivenRun a = left_by("a", 10);
  const GivenRun b = left_by("b", 20);
  NamespaceRuns runs({b, a, {"gone", at("gone"), kDigest}});
  ASSERT_EQ(runs.all(problems_).size(), 2U);
  EXPECT_THAT(problems_, IsEmpty());
  const FinishedRun first = runs.all(problems_)[0];
  EXPECT_EQ(first.name, "b");
  EXPECT_EQ(runs.in_words(first), "job 'b'");
  const auto alike = runs.with_key(first.key(), problems_);
  ASSERT_EQ(alike.size(), 1U);
  EXPECT_EQ(alike[0].output, at("b"));
  runs.forget(at("b"));
  EXPECT_EQ(runs.all(problems_).size(), 1U);
}

// Whole and with a right checksum of its own, but not what the job has left.
TEST_F(Namespace, AnotherFileInItsPlaceIsNone) {
  const GivenRun a = left_by("a", 10);
  left_by("a", 20);
  NamespaceRuns runs({a});
  EXPECT_THAT(runs.all(problems_), IsEmpty());
  ASSERT_EQ(problems_.size(), 1U);
  EXPECT_THAT(problems_[0], HasSubstr("the results of the job 'a' are not reused"));
}

}  // namespace
}  // namespace parallelrun
