// Text that is not ours (of scripts, manifests, files, peers), made fit to be read by people: on a terminal,
// in a log, in a status or an event. The one place that says what such text may hold. Pure.
//
// Nothing in it steers what shows it: control characters, what turns the direction of writing or is not seen,
// and bytes that are no UTF-8 stand there as their codes, as in "\x1b", "\u202e", "\xff". No address in it
// has a user and a password: "https://user:secret@host/" becomes "https://***@host/".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace parallelrun {

// In one line: line breaks and tabs are codes, too ("\n", "\r", "\t").
std::string presentable(std::string_view text);
// With its line breaks and tabs.
std::string presentable_lines(std::string_view text);

// The part of it about addresses alone.
std::string without_credentials(std::string_view text);

// The character at text[at], which precedes its end.
struct Character {
  std::size_t bytes = 1;
  char32_t code = 0;
  bool valid = false;  // else one byte, which is no UTF-8
};
Character character_at(std::string_view text, std::size_t at);
// Whether a character is shown as its code.
bool is_hidden(char32_t code);
// The code of a character: "\x1b" below U+0100, else "\u202e".
void append_code(std::string& out, char32_t code);

}  // namespace parallelrun
