// A ParallelRunJob manifest -> JobSpec, with every problem it has; and back.
//
// Decided here, where the seed and the contract leave it open:
// - An absent field and a null one are the same. `inputs[].type` defaults to `file`.
// - Whole-number fields take numbers without a fraction (10, 1e1, 10.0), never quoted ones; miniBatchSize
//   also takes strings ("10", "10MB"). document.h says what an unquoted scalar is.
// - Options that Azure ML's runner reads out of the script's arguments (`--error_threshold N` or `=N`, ...:
//   read_arguments.cpp has them) stand for their fields where these are absent; they stay in the arguments.
// - allowedFailedCount: -1 says "never", like errorThreshold.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "common/spec/document.h"
#include "common/spec/job_spec.h"
#include "common/spec/problems.h"

namespace parallelrun {

inline constexpr std::string_view kApiVersion = "parallelrun.dev/v1alpha1";
inline constexpr std::string_view kKind = "ParallelRunJob";

// Where the job shall run decides one rule: `local:` sources are refused on a cluster.
enum class Place { kAnywhere, kCluster };

struct ParseOptions {
  ManifestFormat format = ManifestFormat::kAuto;
  Place place = Place::kAnywhere;
  std::vector<std::string> overrides;  // of --set, in order
};

struct ParsedSpec {
  JobSpec spec;                       // whole only where ok()
  std::vector<SpecProblem> problems;  // in the order of the manifest's fields, at most Problems::kMost

  bool ok() const { return problems.empty(); }
};

// Never throws on account of the text.
ParsedSpec parse_manifest(std::string_view text, const ParseOptions& options = {});

// The same for a document that is there already (an object of the API server, a ResolvedJob's spec). A
// name of its own, since a string converts to a JSON value.
ParsedSpec parse_manifest_document(const nlohmann::json& document, Place place = Place::kAnywhere);

// The text of a manifest file, "-" for standard input. Errors: kNotFound, kIo, kInvalidArgument (no
// regular file, larger than kMaxManifestBytes); the message names the path.
Result<std::string> read_manifest_file(const std::filesystem::path& path);

// What a sound job says that has no effect, each as "field: what and why", for `parallelrun validate`.
std::vector<std::string> notes_on(const JobSpec& job);

// The manifest that says what `spec` says, in the custom resource's form, with defaults written out.
// parse_manifest_document(to_json(x)).spec == x for every x that parse_manifest gave.
nlohmann::json to_json(const JobSpec& spec);

}  // namespace parallelrun
