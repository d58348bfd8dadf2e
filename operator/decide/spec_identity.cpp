#include "operator/decide/spec_identity.h"

#include <array>
#include <string_view>

#include "common/hash/sha256.h"
#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/spec/manifest.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr std::string_view kHashedForm = "1-";

}  // namespace

std::string spec_hash(const JobSpec& spec) {
  // The names that the schema's rules hold fast too, in the form that has defaults written out.
  static constexpr std::array kIdentity = {"entryScript",  "sourceDirectory",  "environment", "inputs",
                                           "sideInputs",   "output",           "arguments",   "miniBatchSize",
                                           "outputAction", "appendRowFileName"};
  const json written = to_json(spec).at("spec");
  json hashed = json::object();
  for (const char* field : kIdentity) {
    if (const auto found = written.find(field); found != written.end()) hashed[field] = *found;
  }
  return std::string(kHashedForm) + sha256_hex(compact_text(hashed));
}

bool comparable(const std::string& recorded_hash, const std::string& hash) {
  return recorded_hash.starts_with(kHashedForm) && hash.starts_with(kHashedForm);
}

}  // namespace parallelrun::op
