#include "common/spec/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/spec/dataset_use.h"
#include "common/spec/yaml_text.h"

namespace parallelrun {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kMnist = R"(
apiVersion: parallelrun.dev/v1alpha1
kind: ParallelRunDataset
metadata: {name: mnist-test, labels: {team: vision}}
spec:
  type: file
  versions:
  - {version: 3, source: {persistentVolumeClaim: {claimName: data}, subPath: mnist/3}, description: cleaned, created: "2026-01-01T00:00:00Z"}
  - {version: 1, source: {local: {path: mnist}}, glob: "**/*.png", tags: {quality: raw}}
)";

// A dataset of one version, from its members.
std::string dataset_of(const std::string& type, const std::string& version) {
  return "apiVersion: parallelrun.dev/v1alpha1\nkind: ParallelRunDataset\nmetadata: {name: d}\nspec: "
         "{type: " +
         type + ", versions: [" + version + "]}\n";
}

PinnedDataset pinned(const std::string& type, const std::string& version, const std::string& name = "d") {
  ParsedDataset parsed = parse_dataset(dataset_of(type, version));
  for (const SpecProblem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  return {name, parsed.dataset.type, parsed.dataset.newest()};
}

json job(const std::string& inputs, const std::string& more = "{}") {
  json document = {{"apiVersion", kApiVersion},
                   {"kind", kKind},
                   {"metadata", {{"name", "abc"}}},
                   {"spec",
                    {{"entryScript", "/a.py"},
                     {"inputs", json::parse(inputs)},
                     {"output", {{"source", {{"hostPath", {{"path", "/o"}}}}}}}}}};
  document["spec"].update(json::parse(more));
  EXPECT_TRUE(parse_manifest_document(document).ok());
  return document;
}

TEST(Dataset, IsReadInTheOrderOfItsVersions) {
  const ParsedDataset parsed = parse_dataset(kMnist);
  for (const SpecProblem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  const Dataset& dataset = parsed.dataset;
  EXPECT_EQ(dataset.name, "mnist-test");
  EXPECT_EQ(dataset.type, InputType::kFile);
  ASSERT_EQ(dataset.versions.size(), 2U);
  EXPECT_EQ(dataset.newest().version, 3);
  EXPECT_EQ(dataset.newest().description, "cleaned");
  EXPECT_EQ(dataset.find(1)->tags.at("quality"), "raw");
  EXPECT_EQ(dataset.find(2), nullptr);
  EXPECT_EQ(dataset.known_versions(), "1, 3");
  EXPECT_EQ(place_in_words(*dataset.find(1)), "mnist/**/*.png");
  EXPECT_EQ(place_in_words(dataset.newest()), "persistentVolumeClaim data/mnist/3");
}

TEST(Dataset, ComesBackFromWhatIsWritten) {
  for (const std::string& text :
       {std::string(kMnist),
        dataset_of("tabular", "{version: 2, source: {s3: {bucket: b}}, format: csv, delimiter: ';'}"),
        dataset_of("tabular",
                   "{version: 2, source: {sql: {query: 'select 1', credentials: {secretName: db}}}}"),
        dataset_of(
            "file",
            "{version: 1, parts: [{source: {local: {path: a}}}, {source: {local: {path: b}}, glob: x}]}")}) {
    const ParsedDataset parsed = parse_dataset(text);
    ASSERT_TRUE(parsed.ok()) << to_string(parsed.problems[0]);
    EXPECT_EQ(parse_dataset_document(to_json(parsed.dataset)).dataset, parsed.dataset);
    EXPECT_EQ(parse_dataset(yaml_text(in_usual_order(parsed.dataset))).dataset, parsed.dataset);
    for (const DatasetVersion& version : parsed.dataset.versions) {
      const PinnedDataset pin{"x", parsed.dataset.type, version};
      const auto back = pinned_dataset_from_json(to_json(pin));
      ASSERT_TRUE(back);
      EXPECT_TRUE(back->version.same_data(version));
      EXPECT_EQ(back->version.version, version.version);
      EXPECT_EQ(back->type, pin.type);
    }
  }
  EXPECT_FALSE(pinned_dataset_from_json(json::parse(R"({"name": "x", "version": 1})")));
  EXPECT_FALSE(pinned_dataset_from_json("x"));
}

struct Refused {
  std::string text;
  std::string message;
  Place place = Place::kAnywhere;
};

TEST(Dataset, WhatIsWrongIsNamed) {
  const std::string good = "{version: 1, source: {local: {path: a}}}";
  const std::vector<Refused> cases = {
      {dataset_of("file", ""), "spec.versions: is empty; a dataset has at least one version"},
      {dataset_of("table", good), "spec.type: 'table'"},
      {dataset_of("file", "{source: {local: {path: a}}}"), "spec.versions[0].version: is required"},
      {dataset_of("file", "{version: 0, source: {local: {path: a}}}"), "spec.versions[0].version: "},
      {dataset_of("file", "{version: 1.5, source: {local: {path: a}}}"), "spec.versions[0].version: "},
      {dataset_of("file", good + ", " + good), "spec.versions[1].version: 1 is in the list twice"},
      {dataset_of("file", "{version: 1}"), "spec.versions[0].source: is required"},
      {dataset_of("file", "{version: 1, source: {dataset: {name: other}}}"),
       "spec.versions[0].source.dataset: a dataset cannot be another dataset"},
      {dataset_of("file", "{version: 1, source: {local: {path: a}}, delimiter: ';'}"),
       "spec.versions[0].delimiter: is for tabular inputs"},
      {dataset_of("file", "{version: 1, source: {local: {path: a}}, type: file}"),
       "spec.versions[0].type: unknown"},
      {dataset_of("file", "{version: 1, parts: []}"), "spec.versions[0].parts: is empty"},
      {dataset_of("file", "{version: 1, parts: [{glob: x}]}"),
       "spec.versions[0].parts[0].source: is required"},
      {dataset_of("file", "{version: 1, parts: [{source: {local: {path: a}}}], glob: x}"),
       "spec.versions[0].glob: unknown"},
      {dataset_of("file", "{version: 1, source: {s3: {bucket: b, secretAccessKey: x}}}"),
       "spec.versions[0].source.s3.secretAccessKey"},
      {dataset_of("file", "{version: 1, source: {emptyDir: {}}}"), "emptyDir"},
      {dataset_of("file", good), "spec.versions[0].source.local: is for one machine", Place::kCluster},
      {"apiVersion: parallelrun.dev/v1alpha1\nkind: ParallelRunJob\nmetadata: {name: d}\nspec: {versions: [" +
           good + "]}",
       "kind: 'ParallelRunJob' is not 'ParallelRunDataset'"},
      {"apiVersion: parallelrun.dev/v1alpha1\nkind: ParallelRunDataset\nmetadata: {name: a/b}\nspec: "
       "{versions: [" +
           good + "]}",
       "metadata.name: 'a/b' is not the name of a dataset"},
      {"apiVersion: parallelrun.dev/v1alpha1\nkind: ParallelRunDataset\nmetadata: {name: A}\nspec: "
       "{versions: "
       "[{version: 1, source: {nfs: {server: s, path: /a}}}]}",
       "is not the name of a dataset on a cluster", Place::kCluster},
  };
  for (const Refused& one : cases) {
    SCOPED_TRACE(one.text);
    const ParsedDataset parsed = parse_dataset(one.text, one.place);
    ASSERT_EQ(parsed.problems.size(), 1U);
    EXPECT_THAT(to_string(parsed.problems[0]), HasSubstr(one.message));
  }
}

TEST(Dataset, PathsAreMeantFromTheFile) {
  ParsedDataset parsed = parse_dataset(dataset_of(
      "file",
      "{version: 1, parts: [{source: {local: {path: ../a}}}, {source: {local: {path: /b}}}, {source: {s3: "
      "{bucket: b, caCertificate: ca.pem}}}]}"));
  ASSERT_TRUE(parsed.ok());
  anchor_paths(parsed.dataset.versions[0], "/data/sets");
  const std::vector<json>& parts = parsed.dataset.versions[0].parts;
  EXPECT_EQ(parts[0]["source"]["local"]["path"], "/data/a");
  EXPECT_EQ(parts[1]["source"]["local"]["path"], "/b");
  EXPECT_EQ(parts[2]["source"]["s3"]["caCertificate"], "/data/sets/ca.pem");
}

TEST(DatasetUse, IsListedByInput) {
  const ParsedSpec parsed = parse_manifest_document(job(
      R"([{"name": "a", "source": {"dataset": {"name": "d"}}}, {"name": "b", "source": {"nfs": {"server": "s", "path": "/p"}}}])",
      R"({"sideInputs": [{"name": "m", "source": {"dataset": {"name": "e", "version": 4}}}]})"));
  const std::vector<DatasetUse> uses = datasets_named_in(parsed.spec);
  ASSERT_EQ(uses.size(), 2U);
  EXPECT_EQ(uses[0].path, "spec.inputs[0].source.dataset");
  EXPECT_EQ(uses[0].holder, "inputs.a");
  EXPECT_FALSE(uses[0].version);
  EXPECT_EQ(uses[1].holder, "sideInputs.m");
  EXPECT_EQ(uses[1].version, 4);
  EXPECT_TRUE(datasets_looked_up_in(parsed.spec).empty());
}

// The inputs of the job after its datasets were put in.
JobSpec made(const json& document, const std::vector<PinnedDataset>& pins) {
  const WithDatasets with = with_datasets(document, pins);
  for (const SpecProblem& problem : with.problems) ADD_FAILURE() << to_string(problem);
  const ParsedSpec parsed = parse_manifest_document(with.document);
  for (const SpecProblem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  EXPECT_EQ(parse_manifest_document(to_json(parsed.spec)).spec, parsed.spec);
  return parsed.spec;
}

constexpr const char* kTable =
    "{version: 1, source: {hostPath: {path: /t}}, glob: '*.txt', format: csv, delimiter: ';', columns: {a: "
    "string}}";

TEST(DatasetUse, GivesWhatTheInputDoesNotSay) {
  const JobSpec spec =
      made(job(R"([{"name": "t", "source": {"dataset": {"name": "d"}}}])"), {pinned("tabular", kTable)});
  const Input& input = spec.inputs[0];
  EXPECT_EQ(input.type, InputType::kTabular);
  EXPECT_EQ(input.glob, "*.txt");
  EXPECT_EQ(input.delimiter, ';');
  EXPECT_EQ(input.columns.at("a"), ColumnType::kString);
  EXPECT_EQ(input.source.volume, json::parse(R"({"hostPath": {"path": "/t"}})"));
  EXPECT_EQ(spec.mini_batch_size, std::uint64_t{1} << 20U) << "the default of tabular inputs";
  EXPECT_EQ(datasets_to_record(spec), json::parse(R"({"inputs.t": {"name": "d", "version": 1}})"));
}

TEST(DatasetUse, TheInputsOwnWordsCount) {
  const auto input = [](const std::string& own) {
    return made(job(R"([{"name": "t", "source": {"dataset": {"name": "d"}}, )" + own + "}]"),
                {pinned("tabular", kTable)})
        .inputs[0];
  };
  EXPECT_EQ(input(R"("delimiter": "|")").delimiter, '|');
  EXPECT_EQ(input(R"("delimiter": "|")").glob, "*.txt");
  EXPECT_EQ(input(R"("pathPattern": "{day}/*.csv")").glob, "") << "glob and path pattern say the same";
  EXPECT_EQ(input(R"("type": "tabular")").delimiter, ';');
  const Input other = input(R"("format": "jsonl", "glob": "*.json")");
  EXPECT_EQ(other.format, DataFormat::kJsonLines);
  EXPECT_EQ(other.delimiter, ',') << "an option of another format";
  EXPECT_EQ(other.columns.size(), 1U);
}

TEST(DatasetUse, FilesOfOtherNamesHaveTheFormatOfTheDataset) {
  const JobSpec spec =
      made(job(R"([{"name": "t", "source": {"dataset": {"name": "d"}}, "glob": "2026/*"}])"),
           {pinned("tabular", "{version: 1, source: {hostPath: {path: /t}}, glob: '*.tsv'}")});
  EXPECT_EQ(spec.inputs[0].format, DataFormat::kTsv);
  EXPECT_EQ(spec.inputs[0].delimiter, '\t');
}

TEST(DatasetUse, WithoutAVersionTheHighestPinnedOneCounts) {
  const std::vector<PinnedDataset> pins = {
      pinned("file", "{version: 9, source: {hostPath: {path: /9}}}"),
      pinned("file", "{version: 10, source: {hostPath: {path: /10}}}"),
      pinned("file", "{version: 11, source: {hostPath: {path: /11}}}", "e")};
  const JobSpec spec = made(job(R"([{"name": "a", "source": {"dataset": {"name": "d"}}},
                                    {"name": "b", "source": {"dataset": {"name": "d", "version": 9}}}])"),
                            pins);
  EXPECT_EQ(spec.inputs[0].source.volume["hostPath"]["path"], "/10");
  EXPECT_EQ(spec.inputs[1].source.volume["hostPath"]["path"], "/9");
}

TEST(DatasetUse, PartsAreInputs) {
  const WithDatasets with = with_datasets(
      job(R"([{"name": "a", "source": {"dataset": {"name": "d"}}}, {"name": "z", "source": {"hostPath": {"path": "/z"}}}])"),
      std::vector{pinned("file",
                         "{version: 1, parts: [{source: {hostPath: {path: /1}}}, {source: {hostPath: {path: "
                         "/2}}, glob: x}]}")});
  const json& inputs = with.document["spec"]["inputs"];
  ASSERT_EQ(inputs.size(), 3U);
  EXPECT_EQ(inputs[0]["name"], "a");
  EXPECT_EQ(inputs[1]["name"], "a_2");
  EXPECT_EQ(inputs[1]["glob"], "x");
  EXPECT_EQ(inputs[2]["name"], "z");
  ASSERT_EQ(with.notes.size(), 1U);
  EXPECT_THAT(with.notes[0], HasSubstr("has 2 folders, so the input 'a' becomes 2 inputs"));
}

TEST(DatasetUse, ASideInputIsAFolderOrAFile) {
  const auto source = [](const std::string& version, std::size_t notes) {
    const WithDatasets with =
        with_datasets(job(R"([{"name": "a", "source": {"hostPath": {"path": "/z"}}}])",
                          R"({"sideInputs": [{"name": "m", "source": {"dataset": {"name": "d"}}}]})"),
                      std::vector{pinned("file", version)});
    EXPECT_TRUE(with.problems.empty());
    EXPECT_EQ(with.notes.size(), notes);
    json found = with.document["spec"]["sideInputs"][0]["source"];
    EXPECT_EQ(found[std::string(kFromDataset)], json::parse(R"({"name": "d", "version": 1})"));
    found.erase(std::string(kFromDataset));
    return found.dump();
  };
  EXPECT_EQ(source("{version: 1, source: {local: {path: /m}}}", 0), R"({"local":{"path":"/m"}})");
  EXPECT_EQ(source("{version: 1, source: {local: {path: /m}}, glob: model.pkl}", 0),
            R"({"local":{"path":"/m/model.pkl"}})");
  EXPECT_EQ(source("{version: 1, source: {hostPath: {path: /m}, subPath: a}, glob: model.pkl}", 0),
            R"({"hostPath":{"path":"/m"},"subPath":"a/model.pkl"})");
  EXPECT_EQ(source("{version: 1, source: {local: {path: /m}}, glob: '*.pkl'}", 1),
            R"({"local":{"path":"/m"}})");
}

TEST(DatasetUse, WhatContradictsIsNamed) {
  const json typed = job(R"([{"name": "a", "type": "file", "source": {"dataset": {"name": "d"}}}])");
  const WithDatasets other = with_datasets(typed, std::vector{pinned("tabular", kTable)});
  ASSERT_EQ(other.problems.size(), 1U);
  EXPECT_THAT(to_string(other.problems[0]),
              HasSubstr("spec.inputs[0].type: is file, but the dataset 'd' is tabular; remove it"));
  const json side = job(R"([{"name": "a", "source": {"hostPath": {"path": "/z"}}}])",
                        R"({"sideInputs": [{"name": "m", "source": {"dataset": {"name": "d"}}}]})");
  const WithDatasets parts = with_datasets(
      side, std::vector{pinned("file",
                               "{version: 1, parts: [{source: {local: {path: a}}}, {source: {local: {path: "
                               "b}}}]}")});
  ASSERT_EQ(parts.problems.size(), 1U);
  EXPECT_THAT(to_string(parts.problems[0]),
              HasSubstr("spec.sideInputs[0].source.dataset: the dataset 'd' has 2 folders"));
}

TEST(DatasetUse, ANameThatIsNotLookedUpStays) {
  const json document = job(R"([{"name": "a", "source": {"dataset": {"name": "d", "version": 2}}}])");
  const WithDatasets with =
      with_datasets(document, std::vector{pinned("file", "{version: 1, source: {local: {path: a}}}")});
  EXPECT_EQ(with.document, document);
}

}  // namespace
}  // namespace parallelrun
