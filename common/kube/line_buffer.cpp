#include "common/kube/line_buffer.h"

namespace parallelrun::kube {

bool LineBuffer::push(std::string_view bytes, const std::function<bool(std::string_view)>& sink) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (rest_.size() + piece.size() > longest_) {
      overflowed_ = true;
      return false;
    }
    if (end == std::string_view::npos) {
      rest_.append(piece);
      return true;
    }
    bytes.remove_prefix(end + 1);
    std::string_view line = piece;
    if (!rest_.empty()) {
      rest_.append(piece);
      line = rest_;
    }
    const bool go_on = line.empty() || sink(line);
    rest_.clear();
    if (!go_on) return false;
  }
  return true;
}

}  // namespace parallelrun::kube
