#include "runner/input/kept_bytes.h"

namespace parallelrun {

void KeptBytes::start(TableFile& file, std::uint64_t begin, std::uint64_t end) {
  file_.emplace(file, begin, end);
  kept_.clear();
  base_ = 0;
}

Result<std::size_t> KeptBytes::read(char* into, std::size_t size) {
  Result<std::size_t> got = file_->read(into, size);
  if (got) kept_.append(into, *got);
  return got;
}

std::string_view KeptBytes::bytes(std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kLetGo = 1U << 20U;  // in large pieces, since the rest moves
  if (begin - base_ >= kLetGo) {
    kept_.erase(0, begin - base_);
    base_ = begin;
  }
  return std::string_view(kept_).substr(begin - base_, end - begin);
}

}  // namespace parallelrun
