// How questions about an output directory travel to a pod that mounts it, and the answers back.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::web {

// What the pod writes: an answer to each question ("errors", "log?path=user%2Ferror.txt"; output_answers.h),
// in their order: [{"answer": {...}} or {"error": "a sentence", "code": 2}, ...]. Blocks for the disk.
std::string answers_of(const std::string& directory, const std::vector<std::string>& questions);

// The other way round; nothing: it is none, or has another number of answers. Pure.
std::optional<std::vector<Result<nlohmann::ordered_json>>> answers_from(const std::string& text,
                                                                        std::size_t count);

}  // namespace parallelrun::web
