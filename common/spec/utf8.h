// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates. JSON, and so everything that a job is
// handed on as, holds nothing else.
#pragma once

#include <cstddef>
#include <string_view>

namespace parallelrun {

// The offset of the first byte that is not part of a well-formed character; npos when there is none.
std::size_t first_invalid_utf8(std::string_view bytes);

inline bool is_utf8(std::string_view bytes) { return first_invalid_utf8(bytes) == std::string_view::npos; }

// The longest prefix of at most `most_bytes` bytes that does not cut a character.
std::string_view utf8_prefix(std::string_view bytes, std::size_t most_bytes);

}  // namespace parallelrun
