// nlohmann::json, whose code is compiled once: in json.cpp, not in each unit that parses or writes a
// document. That is most of what such a unit costs (with a sanitizer 11 of 16 seconds). Everybody includes
// this header instead of <nlohmann/json.hpp>.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace parallelrun::json_inputs {

// What the documents that we parse are read from: a string, and a string_view, literal or pointers.
using String = nlohmann::detail::iterator_input_adapter<std::string::const_iterator>;
using Characters = nlohmann::detail::iterator_input_adapter<const char*>;

}  // namespace parallelrun::json_inputs

#define PARALLELRUN_JSON_TEMPLATES(prefix)                                                              \
  prefix template class nlohmann::basic_json<>;                                                         \
  prefix template class nlohmann::detail::serializer<nlohmann::json>;                                   \
  prefix template class nlohmann::detail::json_sax_dom_parser<nlohmann::json>;                          \
  prefix template class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::json>;                 \
  prefix template class nlohmann::detail::parser<nlohmann::json, parallelrun::json_inputs::String>;     \
  prefix template class nlohmann::detail::parser<nlohmann::json, parallelrun::json_inputs::Characters>; \
  prefix template class nlohmann::detail::lexer<nlohmann::json, parallelrun::json_inputs::String>;      \
  prefix template class nlohmann::detail::lexer<nlohmann::json, parallelrun::json_inputs::Characters>;  \
  prefix template class std::vector<nlohmann::json>;                                                    \
  prefix template class std::map<std::string, nlohmann::json, std::less<>>;

PARALLELRUN_JSON_TEMPLATES(extern)
