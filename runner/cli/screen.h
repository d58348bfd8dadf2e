// What the terminal behind a descriptor can show: its width, and whether words may have colours. The one
// place that knows colours: which word has which, and when none is written.
//
// A colour is never alone: what it says, the word says too. So there are three: what went well, what needs a
// look, what failed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace parallelrun {

struct Screen {
  std::size_t columns = 0;  // character cells; 0: no limit
  bool colours = false;
};

// No terminal: no limit and no colours. Colours are left out too where NO_COLOR has a value (no-color.org),
// and where TERM is "dumb" or empty.
// `wide`: without a limit, for -o wide.
Screen screen_of(int descriptor, bool wide = false);

enum class Colour { kNone, kGood, kLook, kBad };

// Pure. `text` is presentable; what is added takes no cell of the screen.
std::string painted(std::string_view text, Colour colour, bool colours);

// Of a job or a pod: "Complete" is good, "Failed" and "ImagePullBackOff" are bad. Pure.
Colour colour_of_state(std::string_view state);
// Of a cell of a table: a state, or how many items failed. Pure.
Colour colour_of_cell(std::string_view head, std::string_view cell);

// Lines about a job, presentable: the state in the first one ("digits: Failed (...)", "Complete, 3 of 9 items
// failed"), and in all the words "warning:" and "first error" at their beginning. Pure.
std::string marked(std::string_view lines, bool colours);

// "parallelrun: MESSAGE" on standard error, in one line: why a verb does not do it.
void complain(const std::string& message);
// "parallelrun: warning: MESSAGE".
void warn(const std::string& message);

}  // namespace parallelrun
