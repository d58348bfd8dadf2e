// A job document laid over a sound one (RFC 7396). An accepted one is written, reads back the same, and keeps
// its identity. The second line stands for the record of an output directory.
#include "runner/job/resolved_job.h"

#include "common/json/json.h"
#include "common/spec/utf8.h"
#include "runner/job/identity.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

using nlohmann::json;

const json& sound_job() {
  static const json job = json::parse(R"({
    "manifest": {"apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob", "metadata": {"name": "abc"},
      "spec": {"sourceDirectory": {"local": {"path": "."}}, "entryScript": "entry.py",
        "inputs": [{"name": "images", "source": {"local": {"path": "images"}}}],
        "sideInputs": [{"name": "labels", "source": {"local": {"path": "labels"}}}],
        "output": {"source": {"local": {"path": "out"}}},
        "environment": {"variables": {"TOKEN": "secret"}}}},
    "inputDirectories": {"images": "/data/images"}, "sideInputDirectories": {"labels": "/data/labels"},
    "sourceDirectory": "/code", "script": "/code/entry.py", "outputDirectory": "/out", "arguments": ["a"],
    "codeFiles": {"entry.py": "0123456789abcdef"}, "codeHash": "", "notCode": []})");
  return job;
}

void check_differences(const json& before, const ResolvedJob& job) {
  for (const std::string& difference : differing_settings(before, job)) {
    HOLDS_ELSE(difference, !difference.empty() && is_utf8(difference));
  }
}

FUZZ_TARGET(resolved_job) {
  fuzz::Draw draw(bytes);
  const json patch = json::parse(draw.line(), nullptr, false);
  const json before = json::parse(draw.rest(), nullptr, false);
  json document = sound_job();
  if (!patch.is_discarded()) document.merge_patch(patch);
  const auto job = resolved_job_from_json(document);
  if (!job) {
    HOLDS_ELSE(job.error().message, is_utf8(job.error().message) && job.error().message.size() < 4096);
    return;
  }
  const json written = to_json(*job);
  const auto again = resolved_job_from_json(written);
  HOLDS_ELSE(written.dump(), again && *again == *job);

  const json settings = identifying_settings(*job);
  HOLDS(fingerprint(settings) == fingerprint(*job) && fingerprint(*again) == fingerprint(*job));
  HOLDS(settings.dump().find("secret") == std::string::npos ||
        document.dump().find("\"secret\"") != std::string::npos);
  HOLDS(differing_settings(settings, *job).empty());
  if (before.is_discarded()) return;
  check_differences(before, *job);
  json changed = settings;
  changed.merge_patch(before);
  check_differences(changed, *job);
  if (changed != settings && changed.contains("code") && changed["code"] == settings["code"]) {
    HOLDS_ELSE(changed.dump(), !differing_settings(changed, *job).empty());
  }
}

}  // namespace
}  // namespace parallelrun
