#include "runner/input/input_listing.h"

#include <utility>
#include <vector>

#include "common/result/try.h"
#include "common/spec/store_sources.h"
#include "runner/input/path_pattern.h"
#include "runner/input/store_listing.h"

namespace parallelrun {
namespace {

// Of the files of another listing those that match a path pattern. The others are counted.
class MatchingFiles final : public Listing {
 public:
  MatchingFiles(std::unique_ptr<Listing> all, PathPattern pattern, PassedCounts* passed)
      : all_(std::move(all)), pattern_(std::move(pattern)), passed_(passed) {}

  Result<std::optional<ListedObject>> next() override {
    while (true) {
      auto object = all_->next();
      if (!object || !*object) return object;
      path_.assign((*object)->folder).append((*object)->name);
      if (pattern_.match(path_, values_)) return object;
      if (passed_ != nullptr) passed_->add(PassedKind::kOtherPath, path_);
    }
  }

 private:
  std::unique_ptr<Listing> all_;
  PathPattern pattern_;
  PassedCounts* passed_;
  std::string path_;
  std::vector<std::string_view> values_;
};

}  // namespace

std::string glob_of(const Input& input, const InputFormat& format) {
  return input.glob.empty() ? format.default_glob() : input.glob;
}

std::string shown_root(const Input& input, const std::string& directory) {
  if (input.source.store.is_object()) return store_address(input.source.store) + "/";
  return directory.empty() ? directory : FileWalk::root_of(directory);
}

Result<std::unique_ptr<Listing>> open_listing(const Input& input, const InputFormat& format,
                                              const InputPlace& place, ListingOptions options) {
  const bool matched = !input.path_pattern.empty();
  // A path pattern counts what it leaves out, wherever that is.
  const std::string glob = matched ? "" : glob_of(input, format);
  // The default glob of a format may leave out what the user meant.
  const bool count_others = input.glob.empty() && !glob.empty();
  std::unique_ptr<Listing> listing;
  if (input.source.store.is_object()) {
    ASSIGN_OR_RETURN(listing,
                     StoreListing::open({place.data_socket, input.name, glob, std::move(options.start_after),
                                         options.passed, count_others}));
  } else {
    FileWalk::Options walk{place.directory, glob, place.left_out, std::move(options.start_after),
                           options.passed};
    walk.count_others = count_others;
    ASSIGN_OR_RETURN(FileWalk opened, FileWalk::open(std::move(walk)));
    listing = std::make_unique<FileWalk>(std::move(opened));
  }
  if (!matched) return listing;
  ASSIGN_OR_RETURN(PathPattern pattern, PathPattern::compile(input.path_pattern));
  return std::unique_ptr<Listing>(
      std::make_unique<MatchingFiles>(std::move(listing), std::move(pattern), options.passed));
}

}  // namespace parallelrun
