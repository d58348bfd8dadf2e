// Prints the fields of a manifest's spec as JSON: the table of fields, for what is not C++
// (crds/reference.py, tests/integration/spec).
#include <cstdio>

#include "common/json/compact_text.h"
#include "common/spec/fields.h"

int main() {
  nlohmann::json list = nlohmann::json::array();
  for (const parallelrun::FieldFacts& facts : parallelrun::fields_of_spec()) list.push_back(to_json(facts));
  return std::puts(parallelrun::compact_text(list).c_str()) < 0 ? 1 : 0;
}
