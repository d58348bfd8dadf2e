// nlohmann::json, whose code is compiled once: in json.cpp, not in each unit that parses or writes a
// document. That is most of what such a unit costs (with a sanitizer 11 of 16 seconds). Everybody includes
// this header instead of <nlohmann/json.hpp>.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace parallelrun::json_inputs {

// What the documents that we parse are read from: a string, and a string_view, literal or pointers.
using String = nlohmann::detail::iterator_input_adapter<std::string::const_iterator>;
using Characters = nlohmann::detail::iterator_input_adapter<const char*>;

}  // namespace parallelrun::json_inputs

// `prefix` is a storage word or nothing, which no parentheses can hold.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define PARALLELRUN_JSON_TEMPLATES(prefix)                                                              \
  prefix template class nlohmann::basic_json<>;                                                         \
  prefix template class nlohmann::detail::serializer<nlohmann::json>;                                   \
  prefix template class nlohmann::detail::json_sax_dom_parser<nlohmann::json>;                          \
  prefix template class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::json>;                 \
  prefix template class nlohmann::detail::parser<nlohmann::json, parallelrun::json_inputs::String>;     \
  prefix template class nlohmann::detail::parser<nlohmann::json, parallelrun::json_inputs::Characters>; \
  prefix template class nlohmann::detail::lexer<nlohmann::json, parallelrun::json_inputs::String>;      \
  prefix template class nlohmann::detail::lexer<nlohmann::json, parallelrun::json_inputs::Characters>;
// NOLINTEND(bugprone-macro-parentheses)

PARALLELRUN_JSON_TEMPLATES(extern)
