// Whatever bytes come in: an answer, in bounded time, whose messages are printable. Seeded, so that a
// failure can be played again: SPEC_FUZZ_SEED=n SPEC_FUZZ_ROUNDS=n.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "common/spec/manifest.h"
#include "common/spec/utf8.h"
#include "manifest_table.h"

namespace parallelrun {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void change(std::string& text, const std::string& other) {
    static const std::vector<std::string> kPieces = {"\n",
                                                     "\t",
                                                     "  ",
                                                     ": ",
                                                     "- ",
                                                     "? ",
                                                     "{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     "&a ",
                                                     "*a",
                                                     "<<: *a",
                                                     "!!int ",
                                                     "!x ",
                                                     "|\n",
                                                     ">-\n",
                                                     "'",
                                                     "\"",
                                                     "\\",
                                                     "\\u0000",
                                                     "\\ud800",
                                                     "#",
                                                     "---\n",
                                                     "...\n",
                                                     "%YAML 9.9\n",
                                                     "%TAG ! x\n",
                                                     "\r",
                                                     std::string(1, '\0'),
                                                     "\xff",
                                                     "\xc3",
                                                     "\xef\xbb\xbf",
                                                     "\xff\xfe",
                                                     "99999999999999999999",
                                                     "-9223372036854775808",
                                                     "1e999",
                                                     ".nan",
                                                     "null",
                                                     "$(",
                                                     "$(inputs.",
                                                     "$$(",
                                                     "@",
                                                     "`",
                                                     ",",
                                                     "\xe2\x80\xa8"};
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        text.insert(at, kPieces[below(kPieces.size())]);
        break;
      case 1:
        text.erase(at, below(20));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 3:
        text.insert(at, other.substr(below(other.size() + 1), below(60)));
        break;
      case 4:
        text.insert(at, text.substr(below(text.size() + 1), below(200)));
        break;
      default:
        text.insert(at, std::string(below(80), kPieces[below(kPieces.size())].front()));
        break;
    }
  }

 private:
  std::mt19937_64 random_;
};

TEST(Robustness, MutatedManifestsGetAnAnswer) {
  const std::uint64_t seed = from_environment("SPEC_FUZZ_SEED", 20260101);
  const std::uint64_t rounds = from_environment("SPEC_FUZZ_ROUNDS", 4000);
  RecordProperty("seed", std::to_string(seed));
  const std::vector<ManifestCase> cases = read_manifest_table();
  ASSERT_FALSE(cases.empty());
  Mutator mutator(seed);
  std::size_t accepted = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::string text = cases[mutator.below(cases.size())].text;
    const std::string& other = cases[mutator.below(cases.size())].text;
    for (std::size_t i = 1 + mutator.below(8); i > 0; --i) mutator.change(text, other);
    SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round) + "\n" + text);
    const auto start = std::chrono::steady_clock::now();
    ParseOptions options;
    if (mutator.below(4) == 0)
      options.format = mutator.below(2) == 0 ? ManifestFormat::kJson : ManifestFormat::kYaml;
    if (mutator.below(4) == 0)
      options.overrides = {other.substr(mutator.below(other.size() + 1), mutator.below(40))};
    const ParsedSpec parsed = parse_manifest(text, options);
    ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
    for (const SpecProblem& problem : parsed.problems) {
      ASSERT_TRUE(is_utf8(to_string(problem))) << in_quotes(problem.path) << in_quotes(problem.message);
      ASSERT_FALSE(problem.message.empty());
    }
    if (!parsed.ok()) continue;
    ++accepted;
    ASSERT_EQ(parse_manifest_document(to_json(parsed.spec)).spec, parsed.spec);
  }
  EXPECT_GT(accepted, 0U) << "every mutation was refused: the test has lost its bite";
}

TEST(Robustness, LongListsAndManyProblemsStayBounded) {
  std::string text =
      "apiVersion: parallelrun.dev/v1alpha1\nkind: ParallelRunJob\nmetadata: {name: abc}\nspec:\n";
  for (int i = 0; i < 20'000; ++i) text += "  unknownField" + std::to_string(i) + ": 1\n";
  const auto start = std::chrono::steady_clock::now();
  const ParsedSpec parsed = parse_manifest(text);
  EXPECT_EQ(parsed.problems.size(), Problems::kMost);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace parallelrun
