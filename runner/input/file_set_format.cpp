#include "runner/input/file_set_format.h"

#include "common/json/json.h"
#include "common/result/try.h"
#include "runner/input/file_set.h"
#include "runner/input/file_set_writer.h"
#include "runner/input/item_names.h"

namespace parallelrun {
namespace {

class FileSetCutter final : public InputCutter {
 public:
  FileSetCutter(Listing& listing, std::uint64_t mini_batch_size)
      : listing_(listing), mini_batch_size_(mini_batch_size) {}

  Result<std::optional<Piece>> next() override {
    while (files_.files() < mini_batch_size_) {
      const Result<std::optional<ListedObject>> object = listing_.next();
      if (!object) return object.error();
      if (!*object) break;
      ++objects_;
      files_.add((*object)->folder, (*object)->name);
      RETURN_IF_ERROR(check_file_set_bytes(files_.bytes(), mini_batch_size_));
    }
    const std::uint64_t files = files_.files();
    if (files == 0) return std::optional<Piece>();
    return std::optional<Piece>(Piece{files, files_.take()});
  }

  Status resume_after(std::string_view descriptor) override {
    const Result<FileSet> files = decode_file_set(descriptor);
    return files ? Status() : Status(files.error());
  }
  std::uint64_t objects() const override { return objects_; }

 private:
  Listing& listing_;
  std::uint64_t mini_batch_size_;
  std::uint64_t objects_ = 0;
  FileSetWriter files_;
};

}  // namespace

std::unique_ptr<InputCutter> FileSetFormat::cutter(Listing& listing, CutterOptions options) const {
  return std::make_unique<FileSetCutter>(listing, options.mini_batch_size);
}

Result<std::string> FileSetFormat::last_object(std::string_view descriptor) const {
  const Result<FileSet> files = decode_file_set(descriptor);
  if (!files) return files.error();
  const FileSet::Group& last = files->groups.back();
  return last.directory + last.names.back();
}

Result<std::optional<std::vector<std::string>>> FileSetFormat::objects_of(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(std::vector<std::string> names, names_of_file_set(descriptor));
  return std::optional(std::move(names));
}

Result<std::optional<InputCutter::Piece>> FileSetFormat::part_of(std::string_view descriptor, ItemRange range,
                                                                 const std::string&) const {
  ASSIGN_OR_RETURN(const FileSet files, decode_file_set(descriptor));
  std::uint64_t count = 0;
  FileSetWriter part;
  for (const FileSet::Group& group : files.groups) {
    for (const std::string& name : group.names) {
      if (count >= range.begin && count < range.end) part.add(group.directory, name);
      ++count;
    }
  }
  RETURN_IF_ERROR(check_range(range, count));
  return std::optional(InputCutter::Piece{range.size(), part.take()});
}

nlohmann::ordered_json FileSetFormat::items_of(std::string_view descriptor, const std::string& root) const {
  std::vector<std::string> paths;
  if (const auto names = names_of_file_set(descriptor)) {
    for (const std::string& name : *names) paths.push_back(root + name);
  }
  nlohmann::ordered_json members = nlohmann::ordered_json::object();
  add_files(members, paths);
  return members;
}

}  // namespace parallelrun
