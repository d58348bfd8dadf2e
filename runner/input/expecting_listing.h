// The tables of a listing while they are read one after another: those that come next are asked for before
// their turn, which matters where they lie in a store.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "runner/input/listing.h"
#include "runner/input/table_file.h"
#include "runner/store/data_messages.h"

namespace parallelrun {

// Announces what it gives to `files`, with `root` before its path. One thread at a time.
class ExpectingListing final : public Listing {
 public:
  struct Options {
    std::string root = {};  // as TableSource
    bool reads_all = true;  // else the end of each table is read first: the footer of a Parquet file
  };

  // Both must outlive it.
  ExpectingListing(Listing& all, TableFiles& files, Options options)
      : all_(all), files_(files), options_(std::move(options)) {}

  // Nothing while the listing behind it gives nothing: it may go on later (keyed_files.h).
  Result<std::optional<ListedObject>> next() override;

 private:
  void expect(const StoredObject& object);

  Listing& all_;
  TableFiles& files_;
  Options options_;
  std::deque<StoredObject> waiting_;
  StoredObject given_;
};

}  // namespace parallelrun
