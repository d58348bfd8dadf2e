#include "runner/input/file_slice.h"

#include "runner/wire/fields.h"

namespace parallelrun {
static constexpr FileSlice::Check last_of(FileSlice::Check /*any*/) { return FileSlice::Check::kChanged; }

static void fields(auto& visit, wire::Is<FileSlice> auto& slice) {
  visit(slice.path);
  visit(slice.offset);
  visit(slice.length);
  visit(slice.first_row);
  visit(slice.records);
  visit(slice.file_size);
  visit(slice.hash);
  visit(slice.check);
  visit(slice.header);
}

std::string encode(DescriptorKind kind, const FileSlice& slice) {
  std::string out;
  out.reserve(1 + wire::size_of(slice));
  wire::Writer writer(out);
  wire::Encoder encoder(writer);
  encoder(static_cast<std::uint8_t>(kind));
  encoder(slice);
  return out;
}

Result<FileSlice> decode_file_slice(DescriptorKind kind, std::string_view descriptor) {
  wire::Decoder decoder(descriptor);
  std::uint8_t first = 0;
  decoder(first);
  if (first != static_cast<std::uint8_t>(kind)) return corrupt_descriptor("it is not a slice of such a file");
  FileSlice slice;
  decoder(slice);
  if (const char* problem = decoder.problem()) return corrupt_descriptor(std::string("it ") + problem);
  if (slice.path.empty() || slice.path.front() == '/')
    return corrupt_descriptor("its path is empty or absolute");
  if (slice.offset > slice.file_size || slice.length > slice.file_size - slice.offset) {
    return corrupt_descriptor("the slice reaches past the end of its file");
  }
  return slice;
}

}  // namespace parallelrun
