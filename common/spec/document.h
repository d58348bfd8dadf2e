// A manifest's text -> a JSON document, the way a Kubernetes client converts YAML before it sends it:
//
// - Unquoted y, yes, on, true (and their capitals) are booleans, as are n, no, off, false.
// - Unquoted integers: 16, +16, 1_000, 0x10, 0b10, 0o20 and, with a leading zero, octal (010 is 8).
//   1e3 and 1.0 are numbers without a fraction and count as whole numbers in the fields that want one.
// - Dates stay strings. Quoted scalars and block scalars are strings whatever they hold.
// - Anchors, aliases and merge keys (<<) work, within the bounds below.
// What that conversion would change behind the user's back is refused instead: duplicate keys (by the
// line), unquoted keys that are not strings (`y: float64` would become "true"), NaN and infinities,
// application tags, a second document in the file, NUL characters.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "common/json/json.h"
#include "common/spec/problems.h"

namespace parallelrun {

enum class ManifestFormat {
  kAuto,  // JSON where the text begins with '{' and is valid JSON, else YAML
  kYaml,
  kJson,
};

inline constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxManifestDepth = 64;

struct Document {
  nlohmann::json root;               // null where nothing could be read
  std::map<std::string, int> lines;  // line, from 1, by field path; only for YAML, and only the first 20,000

  // The line of a field, or of the nearest thing that holds it; 0: not known.
  int line_of(std::string_view path) const;
};

// Never throws on account of the text, and takes time and memory in proportion to it: anchors cannot
// multiply it beyond 16 MiB. With problems the document holds what was read up to them.
Document parse_document(std::string_view text, ManifestFormat format, Problems& problems);

// One value, as `--set` takes it: a flow list or map or a quoted string is YAML (or JSON), anything else is
// an unquoted scalar as it stands ("**/*.png" names no alias). An empty text is the empty string. `text` is
// UTF-8.
nlohmann::json parse_value(std::string_view text, std::string_view path, Problems& problems);

}  // namespace parallelrun
