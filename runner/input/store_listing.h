// The objects of an input that lies in a store, as the data process lists them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/input/glob.h"
#include "runner/input/listing.h"
#include "runner/plan/passed_over.h"
#include "runner/store/data_connection.h"

namespace parallelrun {

// Asks for the listing at the first next(). Where the data process was started again it goes on behind the
// last object. Left out are the names that a walk over a directory leaves out (file_walk.h), and, counted in
// `Options::passed`, empty objects that stand for empty folders. One thread at a time.
class StoreListing final : public Listing {
 public:
  struct Options {
    std::string socket;              // of the data process
    std::string input;               // its name there
    std::string glob;                // see Glob; empty: every object
    std::string start_after;         // name of an object: the listing begins behind it
    PassedCounts* passed = nullptr;  // must outlive the listing; null: nobody counts
    bool count_others = false;       // count objects that the glob does not take, too
    bool all_names = false;          // also those that a walk over a directory leaves out
  };

  // Errors: kInvalidArgument (bad glob).
  static Result<std::unique_ptr<Listing>> open(Options options);

  // Errors: kIo with the data process' sentence; kUnavailable where it is not reached.
  Result<std::optional<ListedObject>> next() override;

 private:
  StoreListing(Options options, Glob glob) : options_(std::move(options)), glob_(std::move(glob)) {}

  enum class Fit { kTaken, kHidden, kOther };

  Status receive();
  Fit fit_of(const std::string& name) const;
  bool takes(const std::string& name);

  Options options_;
  Glob glob_;
  std::optional<DataConnection> connection_;
  std::vector<StoredObject> objects_;
  std::size_t at_ = 0;
  bool ended_ = false;
  int lost_ = 0;  // connections since the last object
};

}  // namespace parallelrun
