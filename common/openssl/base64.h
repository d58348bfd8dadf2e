// Base64 with padding (RFC 4648), as the `data` of a Secret and of a kubeconfig has it.
#pragma once

#include <string>
#include <string_view>

namespace parallelrun {

std::string base64(std::string_view bytes);
// What base64() was given; empty where the text is no base64.
std::string from_base64(std::string_view text);

}  // namespace parallelrun
