// How the objects of an input are listed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/input/file_walk.h"
#include "runner/input/input_format.h"
#include "runner/input/listing.h"

namespace parallelrun {

// Where the objects of an input are on this machine.
struct InputPlace {
  std::string directory;                 // absolute
  std::optional<FileIdentity> left_out;  // a directory that is not looked into: the job's output
  // Of the data process, where the input lies in a store; `directory` is where its objects are fetched to.
  std::string data_socket = {};

  std::string root() const { return FileWalk::root_of(directory); }
};

// What the names of an input's items begin with, for people: its directory here, or its store's address, with
// a '/' at the end.
std::string shown_root(const Input& input, const std::string& directory);

// The glob of an input: what the manifest says [inputs glob], else that of its format.
std::string glob_of(const Input& input, const InputFormat& format);

struct ListingOptions {
  std::string start_after;         // name of an object: the listing begins behind its place
  PassedCounts* passed = nullptr;  // what is left out is counted here; must outlive the listing; null: nobody
                                   // counts
};

// Errors: as FileWalk::open() and StoreListing::open().
Result<std::unique_ptr<Listing>> open_listing(const Input& input, const InputFormat& format,
                                              const InputPlace& place, ListingOptions options = {});

}  // namespace parallelrun
