#include "common/text/presentable.h"

namespace parallelrun {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

bool is_scheme_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
         c == '.';
}

// Where user and password of an address end, `begin` being behind its "://"; npos: it has none.
std::size_t end_of_user(std::string_view text, std::size_t begin) {
  std::size_t at = std::string_view::npos;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    // A password may hold an @ that nobody has encoded: the last one counts.
    if (c == '@') at = i;
    if (c == '/' || c == '?' || c == '#' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '\\' ||
        (static_cast<unsigned char>(c) <= ' ')) {
      break;
    }
  }
  return at;
}

std::string escaped(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Character one = character_at(text, i);
    const char c = text[i];
    if (!one.valid) {
      append_code(out, static_cast<unsigned char>(c));
    } else if (c == '\n' || c == '\t' || c == '\r') {
      if (keep_lines && c != '\r') {
        out.push_back(c);
      } else {
        out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r";
      }
    } else if (is_hidden(one.code)) {
      append_code(out, one.code);
    } else {
      out.append(text, i, one.bytes);
    }
    i += one.bytes;
  }
  return out;
}

}  // namespace

Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {1, lead, true};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() - at < bytes) return {};
  char32_t code = lead & (0xffU >> (bytes + 1));
  for (std::size_t k = 1; k < bytes; ++k) {
    if ((byte(at + k) & 0xc0U) != 0x80U) return {};
    code = code << 6U | (byte(at + k) & 0x3fU);
  }
  // Overlong forms and surrogates.
  const char32_t least = bytes == 2 ? 0x80 : bytes == 3 ? 0x800 : 0x10000;
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {bytes, code, true};
}

bool is_hidden(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) ||  // C0, DEL, C1
         code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) ||  // direction
         code == 0x2028 || code == 0x2029 ||    // line breaks
         code == 0xad || (code >= 0x200b && code <= 0x200d) || (code >= 0x2060 && code <= 0x2064) ||
         (code >= 0x206a && code <= 0x206f) || code == 0xfeff ||  // not seen
         (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe007f);
}

void append_code(std::string& out, char32_t code) {
  out += code < 0x100 ? "\\x" : "\\u";
  const int digits = code < 0x100 ? 2 : code < 0x10000 ? 4 : 6;
  for (int i = digits - 1; i >= 0; --i) out.push_back(kDigits[(code >> (4 * i)) & 0xfU]);
}

std::string without_credentials(std::string_view text) {
  constexpr std::string_view kSign = "://";
  std::string out;
  std::size_t copied = 0;
  for (std::size_t sign = text.find(kSign); sign != std::string_view::npos;
       sign = text.find(kSign, sign + 1)) {
    const std::size_t begin = sign + kSign.size();
    if (begin < copied || sign == 0 || !is_scheme_character(text[sign - 1])) continue;
    const std::size_t end = end_of_user(text, begin);
    if (end == std::string_view::npos) continue;
    out.append(text, copied, begin - copied);
    out += "***";
    copied = end;
  }
  out.append(text, copied);
  return out;
}

std::string presentable(std::string_view text) { return escaped(without_credentials(text), false); }
std::string presentable_lines(std::string_view text) { return escaped(without_credentials(text), true); }

}  // namespace parallelrun
