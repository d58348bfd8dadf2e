#include "runner/input/file_set_writer.h"

#include <utility>

#include "runner/input/descriptor_kind.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {
constexpr std::size_t kGroupsAt = 1;  // behind the kind
}  // namespace

void FileSetWriter::put_u32(std::size_t at, std::size_t value) {
  for (std::size_t i = 0; i < 4; ++i) out_[at + i] = static_cast<char>(value >> (8 * i));
}

void FileSetWriter::add(std::string_view directory, std::string_view name) {
  wire::Writer writer(out_);
  if (files_ == 0) {
    out_.reserve(kGroupsAt + 4 + 8 + directory.size() + name.size() + 1);
    writer.u8(static_cast<std::uint8_t>(DescriptorKind::kFileSet));
    writer.u32(0);
  }
  if (files_ == 0 || directory != directory_) {
    if (files_ != 0) put_u32(names_length_at_, out_.size() - names_length_at_ - 4);
    directory_ = directory;
    ++groups_;
    writer.bytes(directory);
    names_length_at_ = out_.size();
    writer.u32(0);
  } else {
    out_.push_back('\0');
  }
  out_.append(name);
  ++files_;
}

std::string FileSetWriter::take() {
  put_u32(kGroupsAt, groups_);
  put_u32(names_length_at_, out_.size() - names_length_at_ - 4);
  groups_ = 0;
  files_ = 0;
  return std::exchange(out_, {});
}

}  // namespace parallelrun
