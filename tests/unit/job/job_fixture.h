// A folder with a job in it, as a user has it on one machine.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/spec/manifest.h"
#include "runner/job/local_resolution.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {

class JobFolder : public testing::Test {
 protected:
  JobFolder() {
    std::filesystem::create_directories(folder_ / "images/a");
    std::filesystem::create_directories(folder_ / "labels");
    write("entry.py", "def init(): pass\ndef run(batch): return batch\n");
    write("job.yaml", kLocal);
  }

  // Everything beside the script, which is how a first job looks.
  static constexpr std::string_view kLocal =
      "apiVersion: parallelrun.dev/v1alpha1\n"
      "kind: ParallelRunJob\n"
      "metadata: {name: abc}\n"
      "spec:\n"
      "  sourceDirectory: {local: {path: .}}\n"
      "  entryScript: entry.py\n"
      "  inputs: [{name: images, source: {local: {path: images}}}]\n"
      "  sideInputs: [{name: labels, source: {local: {path: labels}}}]\n"
      "  output: {source: {local: {path: out}}}\n"
      "  arguments: [--labels, $(sideInputs.labels), '--to=$(output)/x', $(inputs.images), $$(output)]\n"
      "  environment: {variables: {TOKEN: secret}}\n";
  // The same job with volumes.
  static constexpr std::string_view kCluster =
      "apiVersion: parallelrun.dev/v1alpha1\n"
      "kind: ParallelRunJob\n"
      "metadata: {name: abc}\n"
      "spec:\n"
      "  sourceDirectory: {configMap: {name: code}}\n"
      "  entryScript: entry.py\n"
      "  inputs: [{name: images, source: {persistentVolumeClaim: {claimName: data}, subPath: images}}]\n"
      "  sideInputs: [{name: labels, source: {persistentVolumeClaim: {claimName: data}, subPath: labels}}]\n"
      "  output: {source: {persistentVolumeClaim: {claimName: results}}}\n";

  void write(const std::string& path, std::string_view text) const { directory_.write(path, text); }
  std::string at(const std::string& path) const { return (folder_ / path).string(); }

  static JobSpec spec_of(std::string_view text, std::vector<std::string> set = {}) {
    ParseOptions options;
    options.overrides = std::move(set);
    ParsedSpec parsed = parse_manifest(text, options);
    for (const SpecProblem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
    return parsed.spec;
  }

  LocalResolution resolved(const JobSpec& spec, const LocalOverrides& overrides = {}) const {
    return resolve(spec, overrides, folder_ / "job.yaml");
  }
  ResolvedJob sound(const JobSpec& spec, const LocalOverrides& overrides = {}) const {
    LocalResolution resolution = resolved(spec, overrides);
    for (const SpecProblem& problem : resolution.problems) ADD_FAILURE() << to_string(problem);
    return resolution.job;
  }
  ResolvedJob sound_with(std::vector<std::string> set) const {
    return sound(spec_of(kLocal, std::move(set)));
  }
  ResolvedJob sound() const { return sound_with({}); }

  // The one problem there is.
  std::string problem(const JobSpec& spec, const LocalOverrides& overrides = {}) const {
    const LocalResolution resolution = resolved(spec, overrides);
    std::string text;
    for (const SpecProblem& one : resolution.problems) text += (text.empty() ? "" : " AND ") + to_string(one);
    return text.empty() ? "no problem" : text;
  }

  const test::TemporaryDirectory directory_;
  const std::filesystem::path& folder_ = directory_.path();
};

}  // namespace parallelrun
