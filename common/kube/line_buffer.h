// Cuts a byte stream into lines. No line is kept longer than the call that completes it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace parallelrun::kube {

class LineBuffer {
 public:
  explicit LineBuffer(std::size_t longest) : longest_(longest) {}

  // Gives each line completed by `bytes`, without its break and without empty lines, to `sink` until that
  // returns false. Returns false then, or when a line is longer than allowed (`overflowed`).
  bool push(std::string_view bytes, const std::function<bool(std::string_view)>& sink);

  bool overflowed() const { return overflowed_; }
  // What follows the last line break.
  const std::string& rest() const { return rest_; }

 private:
  std::size_t longest_;
  std::string rest_;
  bool overflowed_ = false;
};

}  // namespace parallelrun::kube
