// Base64 with padding, as the `data` of a Secret has it.
#pragma once

#include <string>
#include <string_view>

namespace parallelrun::op {

std::string base64(std::string_view bytes);
// What base64() was given; empty where the text is no base64.
std::string from_base64(std::string_view text);

}  // namespace parallelrun::op
