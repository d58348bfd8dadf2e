// A manifest's text, read once for who needs both what it means and what it says.
#pragma once

#include <string>
#include <string_view>

#include "common/json/json.h"
#include "common/spec/manifest.h"

namespace parallelrun {

struct ManifestText {
  ParsedSpec parsed;                  // as of parse_manifest()
  nlohmann::json document = nullptr;  // with the overrides; null: nothing could be read
};

// `code_folder`: the `local` sourceDirectory, relative to the manifest, where it says none; empty: it has
// none then.
ManifestText parse_manifest_text(std::string_view text, const ParseOptions& options,
                                 const std::string& code_folder = {});

}  // namespace parallelrun
