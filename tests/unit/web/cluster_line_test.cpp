#include "runner/web/cluster_line.h"

#include <gtest/gtest.h>

#include "common/result/denied.h"
#include "runner/web/output_answers.h"
#include "runner/web/pod_answers.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::web {
namespace {

using nlohmann::json;

json job_object() {
  return json::parse(R"({
    "apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob",
    "metadata": {"name": "digits", "namespace": "team", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z",
                 "managedFields": [1], "labels": {"a": "b"},
                 "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
    "spec": {"nodeCount": 2, "entryScript": "a.py"},
    "status": {"state": "Complete", "message": "done", "startTime": "2026-01-01T00:00:00Z",
               "completionTime": "2026-01-01T00:01:00Z", "incarnation": 7,
               "progress": {"itemsFailed": 1, "planComplete": true, "items": "9 / 10", "timeLeftSeconds": 3}}})");
}

TEST(ClusterLine, IsTheSameOfWhatAListKeeps) {
  const json whole = job_object();
  json kept = whole;
  keep_line(kept);
  EXPECT_FALSE(kept["metadata"].contains("managedFields"));
  EXPECT_FALSE(kept["spec"].contains("entryScript"));
  EXPECT_EQ(cluster_line("c1", kept), cluster_line("c1", whole));
  EXPECT_EQ(id_of_job(kept), id_of_job(whole));
  EXPECT_EQ(
      cluster_line("c1", whole).dump(),
      R"({"id":"c1","world":"cluster","name":"digits","namespace":"team","state":"Complete","reason":"",)"
      R"("message":"done","created":"2026-01-01T00:00:00Z","started":"2026-01-01T00:00:00Z",)"
      R"("updated":"2026-01-01T00:01:00Z","elapsedSeconds":60,"timeLeftSeconds":3,)"
      R"("progress":{"itemsFailed":1,"planComplete":true}})");
}

TEST(ClusterLine, AnotherJobOfTheSameNameIsAnotherOne) {
  json other = job_object();
  other["metadata"]["uid"] = "u2";
  EXPECT_NE(id_of_job(other), id_of_job(job_object()));
}

TEST(ClusterLine, AManifestHasWhatAUserWrote) {
  const std::string text = cluster_manifest(job_object());
  EXPECT_NE(text.find("entryScript: \"a.py\""), std::string::npos) << text;
  EXPECT_NE(text.find("a: \"b\""), std::string::npos) << text;
  for (const char* added : {"uid", "status", "managedFields", "last-applied"})
    EXPECT_EQ(text.find(added), std::string::npos) << added;
}

TEST(ClusterLine, WhatIsOfAnotherTypeIsEmpty) {
  for (const char* text : {"{}", "[]", R"({"metadata": 3, "spec": [], "status": "x"})",
                           R"({"status": {"progress": [1], "conditions": {}}})"}) {
    json object = json::parse(text);
    keep_line(object);
    EXPECT_EQ(cluster_line("c1", object)["state"], "Pending") << text;
  }
  EXPECT_TRUE(warnings_of(json::parse(R"({"leftOut": [3]})"))[0].starts_with("left out"));
}

TEST(PodAnswers, TravelThereAndBack) {
  test::TemporaryDirectory folder;
  folder.write("logs/a.txt", "one\n\xff\x1b");
  const auto answers = answers_from(
      answers_of(folder.path().string(), {"log?path=a.txt", "log?path=../b", "explain", "?", "logs"}), 5);
  ASSERT_TRUE(answers);
  EXPECT_EQ((*answers)[0].value()["text"], "one\n\\xff\\x1b");
  EXPECT_EQ((*answers)[1].error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ((*answers)[2].error().code, ErrorCode::kNotFound);
  EXPECT_EQ((*answers)[3].error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ((*answers)[4].value()["files"][0]["path"], "a.txt");
}

TEST(PodAnswers, WhatIsNoneIsNone) {
  for (const char* text :
       {"", "{}", "[", "[]", "[{}]", "[1]", R"([{"answer":1}])", R"([{"answer":{}},{"answer":{}}])"})
    EXPECT_FALSE(answers_from(text, 1)) << text;
  const auto odd = answers_from(R"([{"error":"x","code":99}])", 1);
  ASSERT_TRUE(odd);
  EXPECT_EQ((*odd)[0].error().code, ErrorCode::kIo)
      << "of another release: it is a failure, and no more is known";
  const auto denied = answers_from(R"([{"error":"x","code":100}])", 1);
  ASSERT_TRUE(denied);
  EXPECT_EQ((*denied)[0].error().code, kDenied);
}

TEST(AnswerText, NothingOfADataSteersWhatShowsIt) {
  EXPECT_EQ(answer_text({{"a", "<b>\x1b\xff\xe2\x80\xae https://u:p@h/"}}),
            R"({"a":"<b>\\x1b\\xff\\u202e https://***@h/"})");
}

}  // namespace
}  // namespace parallelrun::web
