// The objects of an input, one at a time, wherever they lie: a directory now (file_walk.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace parallelrun {

// One object. Its name is relative to the input and comes in two parts, since neighbours mostly share the
// first. The views hold until the listing is asked again.
struct ListedObject {
  std::string_view folder;            // empty, or ends in '/'
  std::string_view name;              // without '/'; raw bytes
  std::optional<std::uint64_t> size;  // bytes; empty where the listing does not tell it without further calls
  std::string_view version;           // an etag or a hash that changes with the content; empty: not known

  std::string path() const { return std::string(folder).append(name); }
};

// A pull iterator in bytewise order of the path components. One thread at a time.
class Listing {
 public:
  virtual ~Listing() = default;
  // The next object, or nothing at the end. Errors: kIo, naming what cannot be listed; the listing ends
  // there.
  virtual Result<std::optional<ListedObject>> next() = 0;
};

}  // namespace parallelrun
