#include "runner/plan/mini_batch.h"

#include <algorithm>

#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

Error corrupt(const char* what) {
  return Error{ErrorCode::kCorrupt, std::string("the descriptor of a mini-batch does not decode: ") + what};
}

constexpr std::size_t kSmallestGroup = 4 + 4;

// What is wrong with a group, or null.
const char* split_names(std::string_view directory, std::string_view joined,
                        std::vector<std::string>& names) {
  if (directory.empty() || directory.front() != '/' || directory.back() != '/') {
    return "a directory is not absolute or does not end in '/'";
  }
  while (true) {
    const std::size_t end = joined.find('\0');
    const std::string_view name = joined.substr(0, end);
    if (name.empty() || name.find('/') != std::string_view::npos) return "a file name is empty or has a '/'";
    names.emplace_back(name);
    if (end == std::string_view::npos) return nullptr;
    joined.remove_prefix(end + 1);
  }
}

}  // namespace

std::string encode(const FileSet& files) {
  std::string out;
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(DescriptorKind::kFiles));
  writer.u32(static_cast<std::uint32_t>(files.groups.size()));
  std::string joined;
  for (const FileSet::Group& group : files.groups) {
    joined.clear();
    for (const std::string& name : group.names) {
      if (!joined.empty()) joined.push_back('\0');
      joined += name;
    }
    writer.bytes(group.directory);
    writer.bytes(joined);
  }
  return out;
}

std::string encode(const CsvSlice& slice) {
  std::string out;
  out.reserve(1 + 4 + slice.path.size() + 6 * 8 + 1 + 4 + slice.header.size());
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(DescriptorKind::kCsvSlice));
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

Result<FileSet> decode_file_set(std::string_view descriptor) {
  wire::Reader reader(descriptor);
  if (reader.u8() != static_cast<std::uint8_t>(DescriptorKind::kFiles))
    return corrupt("it is not a set of files");
  FileSet files;
  const char* wrong = nullptr;
  reader.repeated(kSmallestGroup, [&] {
    const std::string_view directory = reader.bytes();
    FileSet::Group& group = files.groups.emplace_back();
    group.directory = directory;
    wrong = split_names(directory, reader.bytes(), group.names);
    return wrong == nullptr;
  });
  if (wrong != nullptr) return corrupt(wrong);
  if (!reader.done() || files.groups.empty()) return corrupt("bytes are missing or left over");
  return files;
}

Result<CsvSlice> decode_csv_slice(std::string_view descriptor) {
  wire::Reader reader(descriptor);
  if (reader.u8() != static_cast<std::uint8_t>(DescriptorKind::kCsvSlice))
    return corrupt("it is not a slice of a CSV file");
  CsvSlice slice;
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
  if (check > static_cast<std::uint8_t>(CsvSlice::Check::kChanged)) return corrupt("its check is not known");
  slice.check = static_cast<CsvSlice::Check>(check);
  if (slice.path.empty() || slice.path.front() != '/') return corrupt("its path is not absolute");
  if (slice.offset > slice.file_size || slice.length > slice.file_size - slice.offset) {
    return corrupt("the slice reaches past the end of its file");
  }
  return slice;
}

Result<std::string> with_root(std::string_view descriptor, std::string_view from, std::string_view to) {
  const auto put = [&](wire::Writer& writer, std::string& out, std::string_view path) {
    if (!path.starts_with(from)) return false;
    path.remove_prefix(from.size());
    writer.u32(static_cast<std::uint32_t>(to.size() + path.size()));
    out.append(to).append(path);
    return true;
  };
  wire::Reader reader(descriptor);
  std::string out;
  out.reserve(descriptor.size() + to.size());
  wire::Writer writer(out);
  const std::uint8_t kind = reader.u8();
  writer.u8(kind);
  bool fits = true;
  if (kind == static_cast<std::uint8_t>(DescriptorKind::kFiles)) {
    writer.u32(wire::Reader(reader.rest()).u32());
    reader.repeated(kSmallestGroup, [&] {
      fits = put(writer, out, reader.bytes());
      writer.bytes(reader.bytes());
      return fits;
    });
    fits = fits && reader.done();
  } else {
    fits = kind == static_cast<std::uint8_t>(DescriptorKind::kCsvSlice) && put(writer, out, reader.bytes()) &&
           reader.ok();
    out.append(reader.rest());
  }
  if (!fits) return corrupt("its paths do not lie in the input's directory");
  return out;
}

}  // namespace parallelrun
