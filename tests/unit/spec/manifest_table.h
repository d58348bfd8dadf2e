// Reads tests/manifests/cases.yaml, which says what its columns are.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/spec/document.h"

namespace parallelrun {

struct ManifestCase {
  std::string name;
  std::string text;
  bool valid = false;
  std::string message;
  std::size_t problems = 0;
  std::string cluster;  // "valid", "invalid" or "client"
};

inline std::vector<ManifestCase> read_manifest_table() {
  std::ifstream stream(MANIFEST_TABLE);
  std::ostringstream text;
  text << stream.rdbuf();
  Problems problems;
  const nlohmann::json table = parse_document(text.str(), ManifestFormat::kYaml, problems).root;
  for (const SpecProblem& problem : problems.list()) ADD_FAILURE() << to_string(problem, MANIFEST_TABLE);
  std::vector<ManifestCase> cases;
  if (!problems.empty()) return cases;
  for (const auto& row : table.at("cases")) {
    ManifestCase one;
    one.name = row.at("name");
    one.valid = row.at("verdict") == "valid";
    if (row.contains("text")) {
      one.text = row["text"];
    } else {
      nlohmann::json manifest = table.at("bases").at(row.value("base", "file"));
      manifest.merge_patch(row.at("patch"));
      one.text = manifest.dump(1);
    }
    one.message = row.value("message", "");
    one.problems = row.value("problems", one.valid ? 0U : 1U);
    one.cluster = row.value("cluster", row.at("verdict").get<std::string>());
    cases.push_back(std::move(one));
  }
  return cases;
}

}  // namespace parallelrun
