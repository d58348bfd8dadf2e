#include "runner/input/file_slice.h"

#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

Error corrupt(const char* what) {
  return Error{ErrorCode::kCorrupt, std::string("the descriptor of a mini-batch does not decode: ") + what};
}

}  // namespace

std::string encode(DescriptorKind kind, const FileSlice& slice) {
  std::string out;
  out.reserve(1 + 4 + slice.path.size() + 6 * 8 + 1 + 4 + slice.header.size());
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(kind));
  writer.bytes(slice.path);
  writer.u64(slice.offset);
  writer.u64(slice.length);
  writer.u64(slice.first_row);
  writer.u64(slice.records);
  writer.u64(slice.file_size);
  writer.u64(slice.hash);
  writer.u8(static_cast<std::uint8_t>(slice.check));
  writer.bytes(slice.header);
  return out;
}

Result<FileSlice> decode_file_slice(DescriptorKind kind, std::string_view descriptor) {
  wire::Reader reader(descriptor);
  if (reader.u8() != static_cast<std::uint8_t>(kind)) return corrupt("it is not a slice of such a file");
  FileSlice slice;
  slice.path = reader.string();
  slice.offset = reader.u64();
  slice.length = reader.u64();
  slice.first_row = reader.u64();
  slice.records = reader.u64();
  slice.file_size = reader.u64();
  slice.hash = reader.u64();
  const std::uint8_t check = reader.u8();
  slice.header = reader.string();
  if (!reader.done()) return corrupt("bytes are missing or left over");
  if (check > static_cast<std::uint8_t>(FileSlice::Check::kChanged)) return corrupt("its check is not known");
  slice.check = static_cast<FileSlice::Check>(check);
  if (slice.path.empty() || slice.path.front() == '/') return corrupt("its path is empty or absolute");
  if (slice.offset > slice.file_size || slice.length > slice.file_size - slice.offset) {
    return corrupt("the slice reaches past the end of its file");
  }
  return slice;
}

}  // namespace parallelrun
