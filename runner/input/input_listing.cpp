#include "runner/input/input_listing.h"

#include <utility>

namespace parallelrun {

std::string glob_of(const Input& input, const InputFormat& format) {
  return input.glob.empty() ? format.default_glob() : input.glob;
}

Result<std::unique_ptr<Listing>> open_listing(const Input& input, const InputFormat& format,
                                              const InputPlace& place, ListingOptions options) {
  FileWalk::Options walk{place.directory, glob_of(input, format), place.left_out,
                         std::move(options.start_after), options.passed};
  // The default glob of a format may leave out what the user meant.
  walk.count_others = input.glob.empty() && !walk.glob.empty();
  Result<FileWalk> opened = FileWalk::open(std::move(walk));
  if (!opened) return opened.error();
  return std::unique_ptr<Listing>(std::make_unique<FileWalk>(std::move(*opened)));
}

}  // namespace parallelrun
