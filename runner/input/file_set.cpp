#include "runner/input/file_set.h"

#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

constexpr std::size_t kSmallestGroup = 4 + 4;

// What is wrong with a group, or null.
const char* split_names(std::string_view directory, std::string_view joined,
                        std::vector<std::string>& names) {
  if (!directory.empty() && (directory.front() == '/' || directory.back() != '/')) {
    return "a directory is absolute or does not end in '/'";
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
  writer.u8(static_cast<std::uint8_t>(DescriptorKind::kFileSet));
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

Result<FileSet> decode_file_set(std::string_view descriptor) {
  wire::Reader reader(descriptor);
  if (reader.u8() != static_cast<std::uint8_t>(DescriptorKind::kFileSet))
    return corrupt_descriptor("it is not a set of files");
  FileSet files;
  const char* wrong = nullptr;
  reader.repeated(kSmallestGroup, [&] {
    const std::string_view directory = reader.bytes();
    FileSet::Group& group = files.groups.emplace_back();
    group.directory = directory;
    wrong = split_names(directory, reader.bytes(), group.names);
    return wrong == nullptr;
  });
  if (wrong != nullptr) return corrupt_descriptor(wrong);
  if (!reader.done() || files.groups.empty()) return corrupt_descriptor("bytes are missing or left over");
  return files;
}

Result<std::vector<std::string>> names_of_file_set(std::string_view descriptor) {
  const Result<FileSet> files = decode_file_set(descriptor);
  if (!files) return files.error();
  std::vector<std::string> names;
  for (const FileSet::Group& group : files->groups) {
    for (const std::string& name : group.names) names.push_back(group.directory + name);
  }
  return names;
}

Status check_file_set_bytes(std::size_t bytes, std::uint64_t mini_batch_size) {
  constexpr std::size_t kMost = 256U << 20U;
  if (bytes <= kMost) return {};
  return Error{ErrorCode::kInvalidArgument,
               "the paths of " + std::to_string(mini_batch_size) +
                   " files do not fit into one mini-batch (256 MiB); set a smaller miniBatchSize"};
}

}  // namespace parallelrun
