#include "runner/cli/screen.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "common/text/presentable.h"
#include "runner/cli/terminal.h"

namespace parallelrun {
namespace {

constexpr std::string_view kProgram = "parallelrun:";
constexpr std::string_view kWarning = "warning:";

bool may_have_colours(int descriptor) {
  const char* none = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(descriptor) == 1 && (none == nullptr || *none == '\0') && term != nullptr && *term != '\0' &&
         std::string_view(term) != "dumb";
}

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::kGood:
      return "32";
    case Colour::kLook:
      return "33";
    case Colour::kBad:
      return "31";
    case Colour::kNone:
      break;
  }
  return "";
}

// The state in "digits: Failed (...)", "Failed: ..." and "Complete, 3 of 9 items failed".
std::string marked_state(std::string_view line, bool colours) {
  std::size_t begin = 0;
  std::size_t end = line.find_first_of(" ,:");
  if (colour_of_state(line.substr(0, end)) == Colour::kNone) {
    const std::size_t name = line.find(": ");
    if (name == std::string_view::npos) return std::string(line);
    begin = name + 2;
    end = line.find_first_of(" ,:", begin);
  }
  end = std::min(end, line.size());
  const std::string_view state = line.substr(begin, end - begin);
  // "Complete, 3 of 9 items failed": nobody shall see the green alone.
  const bool with_failures = state == "Complete" && line.find(" failed", end) != std::string_view::npos;
  const Colour colour = colour_of_state(state);
  return std::string(line.substr(0, begin)) +
         painted(state, with_failures ? Colour::kLook : colour, colours) + std::string(line.substr(end));
}

std::string marked_words(std::string_view line, bool colours) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  for (const auto& [word, colour] :
       {std::pair(kWarning, Colour::kLook), std::pair(std::string_view("first error"), Colour::kBad)}) {
    if (!line.substr(begin).starts_with(word)) continue;
    return std::string(line.substr(0, begin)) + painted(word, colour, colours) +
           std::string(line.substr(begin + word.size()));
  }
  return std::string(line);
}

}  // namespace

Screen screen_of(int descriptor, bool wide) {
  return {wide ? 0 : terminal_width(descriptor), may_have_colours(descriptor)};
}

std::string painted(std::string_view text, Colour colour, bool colours) {
  if (!colours || colour == Colour::kNone || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code_of(colour)) + "m" + std::string(text) + "\x1b[0m";
}

Colour colour_of_state(std::string_view state) {
  static constexpr std::array<std::string_view, 3> kGood = {"Complete", "Running", "Succeeded"};
  static constexpr std::array<std::string_view, 4> kLook = {"Interrupted", "Silent", "Suspended", "Pending"};
  const auto is_in = [state](const auto& words) {
    return std::find(words.begin(), words.end(), state) != words.end();
  };
  if (is_in(kGood)) return Colour::kGood;
  if (is_in(kLook)) return Colour::kLook;
  const bool trouble = state == "Failed" || state == "OOMKilled" || state.ends_with("BackOff") ||
                       state.starts_with("Err") || state.ends_with("Error");
  return trouble ? Colour::kBad : Colour::kNone;
}

Colour colour_of_cell(std::string_view head, std::string_view cell) {
  if (head == "STATE") return colour_of_state(cell);
  return head == "FAILED ITEMS" && !cell.empty() && cell != "0" ? Colour::kLook : Colour::kNone;
}

std::string marked(std::string_view lines, bool colours) {
  if (!colours) return std::string(lines);
  std::string out;
  bool first = true;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    const std::string words = marked_words(line, true);
    out += first && words == line ? marked_state(line, true) : words;
    if (end < lines.size()) out += '\n';
    lines.remove_prefix(std::min(end + 1, lines.size()));
    first = false;
  }
  return out;
}

void complain(const std::string& message) {
  std::fprintf(stderr, "%s %s\n", painted(kProgram, Colour::kBad, may_have_colours(STDERR_FILENO)).c_str(),
               presentable(message).c_str());
}

void warn(const std::string& message) {
  std::fprintf(stderr, "%s %s %s\n", std::string(kProgram).c_str(),
               painted(kWarning, Colour::kLook, may_have_colours(STDERR_FILENO)).c_str(),
               presentable(message).c_str());
}

}  // namespace parallelrun
