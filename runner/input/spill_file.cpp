#include "runner/input/spill_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "common/result/try.h"
#include "runner/input/byte_stream.h"
#include "runner/input/file_write.h"

namespace parallelrun {

Result<SpillFile> SpillFile::create(const std::string& directory, std::size_t block_bytes) {
  SpillFile file;
  std::string path = directory + "spill-XXXXXX";
  file.fd_ = FileDescriptor(::mkostemp(path.data(), O_CLOEXEC));
  if (!file.fd_) return write_error(directory, errno);
  ::unlink(path.c_str());
  file.directory_ = directory;
  file.block_bytes_ = block_bytes;
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  file.gives_back_ = ::fallocate(file.fd_.get(), kPunch, 0, 4096) == 0;
  return file;
}

std::size_t SpillFile::add_stream() {
  streams_.emplace_back();
  return streams_.size() - 1;
}

Status SpillFile::append(std::size_t number, std::string_view record) {
  Stream& stream = streams_[number];
  if (!stream.block.empty() && stream.block.size() + record.size() > block_bytes_) {
    RETURN_IF_ERROR(write_block(stream));
  }
  if (stream.block.capacity() < block_bytes_) stream.block.reserve(block_bytes_);
  stream.block += record;
  stream.bytes += record.size();
  return {};
}

Status SpillFile::write_block(Stream& stream) {
  RETURN_IF_ERROR(write_at(fd_.get(), end_, stream.block, directory_));
  stream.extents.push_back({end_, stream.block.size()});
  end_ += stream.block.size();
  stream.block.clear();
  return {};
}

Status SpillFile::read(std::size_t number, const Visit& visit) {
  std::string block;
  for (std::size_t i = 0; i < streams_[number].extents.size(); ++i) {
    const Extent extent = streams_[number].extents[i];
    block.resize(extent.length);
    FileStream bytes(fd_.get(), extent.offset, extent.offset + extent.length);
    for (std::size_t filled = 0; filled < block.size();) {
      const auto size = bytes.read(block.data() + filled, block.size() - filled);
      if (!size || *size == 0) {
        return Error{ErrorCode::kIo, "a temporary file in '" + directory_ + "' cannot be read"};
      }
      filled += *size;
    }
    RETURN_IF_ERROR(visit(block));
  }
  // A copy: the visitor may add streams.
  block = streams_[number].block;
  return block.empty() ? Status() : visit(block);
}

void SpillFile::drop(std::size_t number) {
  Stream& stream = streams_[number];
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  for (const Extent& extent : stream.extents) {
    if (gives_back_) {
      ::fallocate(fd_.get(), kPunch, static_cast<off_t>(extent.offset), static_cast<off_t>(extent.length));
    }
  }
  stream = Stream();
}

}  // namespace parallelrun
