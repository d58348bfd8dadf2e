// Descriptors of mini-batches: what decodes is what encode() writes; files that are added one by one give the
// same bytes as the whole set.
#include <algorithm>
#include <string>
#include <vector>

#include "runner/input/file_set.h"
#include "runner/input/file_set_writer.h"
#include "runner/input/file_slice.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

void check_bytes(std::string_view descriptor) {
  const auto files = decode_file_set(descriptor);
  const auto slice = decode_file_slice(DescriptorKind::kCsvSlice, descriptor);
  const auto lines = decode_file_slice(DescriptorKind::kJsonLinesSlice, descriptor);
  const auto rows = decode_file_slice(DescriptorKind::kParquetSlice, descriptor);
  HOLDS(int{files.ok()} + int{slice.ok()} + int{lines.ok()} + int{rows.ok()} <= 1);
  if (files) HOLDS(encode(*files) == descriptor);
  if (slice) HOLDS(encode(DescriptorKind::kCsvSlice, *slice) == descriptor);
  if (lines) HOLDS(encode(DescriptorKind::kJsonLinesSlice, *lines) == descriptor);
  if (rows) HOLDS(encode(DescriptorKind::kParquetSlice, *rows) == descriptor);
}

void check_files(fuzz::Draw draw) {
  FileSetWriter writer;
  std::vector<std::string> added;
  std::string directory;
  while (!draw.empty() && added.size() < 64) {
    if (draw.flag()) directory = "d" + draw.string(8) + "/";
    std::string name = draw.string(8);
    std::erase(name, '/');
    std::erase(name, '\0');
    std::erase(directory, '\0');
    if (name.empty()) continue;
    writer.add(directory, name);
    added.push_back(directory + name);
  }
  if (added.empty()) return;
  HOLDS(writer.files() == added.size());
  const std::size_t bytes = writer.bytes();
  const std::string descriptor = writer.take();
  HOLDS(descriptor.size() == bytes);
  const auto files = decode_file_set(descriptor);
  HOLDS(files.ok());
  std::vector<std::string> found;
  for (const FileSet::Group& group : files->groups) {
    for (const std::string& name : group.names) found.push_back(group.directory + name);
  }
  HOLDS(found == added);
  HOLDS(encode(*files) == descriptor);
}

FUZZ_TARGET(descriptors) {
  if (bytes.empty()) return;
  const std::string_view rest = bytes.substr(1);
  if (bytes.front() == 'w') return check_files(fuzz::Draw(rest));
  check_bytes(bytes);
}

}  // namespace
}  // namespace parallelrun
