#include "operator/decide/spec_identity.h"

#include <string_view>

#include "common/hash/sha256.h"
#include "common/json/compact_text.h"
#include "common/spec/fields.h"

namespace parallelrun::op {
namespace {

constexpr std::string_view kHashedForm = "1-";

}  // namespace

std::string spec_hash(const JobSpec& spec) {
  // The fields that the schema's rules hold fast too, in the form that has defaults written out.
  return std::string(kHashedForm) + sha256_hex(compact_text(identifying_fields(spec, Identity::kStart)));
}

bool comparable(const std::string& recorded_hash, const std::string& hash) {
  return recorded_hash.starts_with(kHashedForm) && hash.starts_with(kHashedForm);
}

}  // namespace parallelrun::op
