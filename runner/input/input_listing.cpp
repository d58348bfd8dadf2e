#include "runner/input/input_listing.h"

#include <utility>
#include <vector>

#include "common/result/try.h"
#include "runner/input/path_pattern.h"

namespace parallelrun {
namespace {

// Of the files of another listing those that match a path pattern. The others are counted.
class MatchingFiles final : public Listing {
 public:
  MatchingFiles(FileWalk walk, PathPattern pattern, PassedCounts* passed)
      : walk_(std::move(walk)), pattern_(std::move(pattern)), passed_(passed) {}

  Result<std::optional<ListedObject>> next() override {
    while (true) {
      auto object = walk_.next();
      if (!object || !*object) return object;
      path_.assign((*object)->folder).append((*object)->name);
      if (pattern_.match(path_, values_)) return object;
      if (passed_ != nullptr) passed_->add(PassedKind::kOtherPath, path_);
    }
  }

 private:
  FileWalk walk_;
  PathPattern pattern_;
  PassedCounts* passed_;
  std::string path_;
  std::vector<std::string_view> values_;
};

}  // namespace

std::string glob_of(const Input& input, const InputFormat& format) {
  return input.glob.empty() ? format.default_glob() : input.glob;
}

Result<std::unique_ptr<Listing>> open_listing(const Input& input, const InputFormat& format,
                                              const InputPlace& place, ListingOptions options) {
  const bool matched = !input.path_pattern.empty();
  // A path pattern counts what it leaves out, wherever that is.
  FileWalk::Options walk{place.directory, matched ? "" : glob_of(input, format), place.left_out,
                         std::move(options.start_after), options.passed};
  // The default glob of a format may leave out what the user meant.
  walk.count_others = input.glob.empty() && !walk.glob.empty();
  Result<FileWalk> opened = FileWalk::open(std::move(walk));
  if (!opened) return opened.error();
  if (matched) {
    ASSIGN_OR_RETURN(PathPattern pattern, PathPattern::compile(input.path_pattern));
    return std::unique_ptr<Listing>(
        std::make_unique<MatchingFiles>(std::move(*opened), std::move(pattern), options.passed));
  }
  return std::unique_ptr<Listing>(std::make_unique<FileWalk>(std::move(*opened)));
}

}  // namespace parallelrun
