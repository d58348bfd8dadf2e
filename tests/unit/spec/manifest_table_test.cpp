#include "manifest_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/spec/manifest.h"

namespace parallelrun {
namespace {

std::string all_of(const std::vector<SpecProblem>& problems) {
  std::string text;
  for (const SpecProblem& problem : problems) text += "  " + to_string(problem, "m.yaml") + "\n";
  return text.empty() ? "  (none)\n" : text;
}

TEST(ManifestTable, VerdictsAndMessages) {
  const std::vector<ManifestCase> cases = read_manifest_table();
  ASSERT_GE(cases.size(), 120U);
  for (const ManifestCase& one : cases) {
    SCOPED_TRACE(one.name + "\n" + one.text);
    const ParsedSpec parsed = parse_manifest(one.text);
    EXPECT_EQ(parsed.ok(), one.valid) << all_of(parsed.problems);
    EXPECT_EQ(parsed.problems.size(), one.problems) << all_of(parsed.problems);
    if (one.valid) continue;
    EXPECT_FALSE(one.message.empty()) << "an invalid case needs a message";
    EXPECT_TRUE(std::any_of(parsed.problems.begin(), parsed.problems.end(),
                            [&](const SpecProblem& problem) {
                              return to_string(problem).find(one.message) != std::string::npos;
                            }))
        << "no problem says: " << one.message << "\n"
        << all_of(parsed.problems);
  }
}

TEST(ManifestTable, VerdictsOnACluster) {
  for (const ManifestCase& one : read_manifest_table()) {
    if (one.cluster == "client") continue;
    SCOPED_TRACE(one.name + "\n" + one.text);
    ParseOptions options;
    options.place = Place::kCluster;
    const ParsedSpec parsed = parse_manifest(one.text, options);
    EXPECT_EQ(parsed.ok(), one.cluster == "valid") << all_of(parsed.problems);
  }
}

TEST(ManifestTable, ValidOnesComeBackFromJson) {
  for (const ManifestCase& one : read_manifest_table()) {
    if (!one.valid) continue;
    SCOPED_TRACE(one.name);
    const ParsedSpec parsed = parse_manifest(one.text);
    const nlohmann::json written = to_json(parsed.spec);
    const ParsedSpec from_document = parse_manifest_document(written);
    EXPECT_EQ(from_document.spec, parsed.spec) << written.dump(1) << all_of(from_document.problems);
    const ParsedSpec from_text = parse_manifest(written.dump());
    EXPECT_EQ(from_text.spec, parsed.spec) << all_of(from_text.problems);
    EXPECT_EQ(to_json(from_text.spec), written);
  }
}

TEST(ManifestTable, NamesAreUnique) {
  std::set<std::string> names;
  for (const ManifestCase& one : read_manifest_table())
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
}

}  // namespace
}  // namespace parallelrun
