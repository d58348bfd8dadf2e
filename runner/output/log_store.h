// The store that holds the output of a job, as its log needs it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

// A whole object of a store, or one version of it.
struct LogObject {
  std::string name;
  std::uint64_t size = 0;  // bytes
  std::string version;     // an etag; empty: whatever is there
};

// Names are below the folder of the output. Each call waits for the store and tries again for a bounded time;
// what it then says is final. One thread at a time. Errors of all: kIo, with a sentence for the user.
class LogStore {
 public:
  virtual ~LogStore() = default;

  // Makes an object unless there is one of that name. Whether it is there with these bytes: true although an
  // answer to it was lost; false: another one is there.
  virtual Result<bool> create(const std::string& name, std::string_view bytes) = 0;
  // Makes or replaces an object.
  virtual Status put(const std::string& name, std::string_view bytes) = 0;
  virtual Result<std::vector<LogObject>> list(const std::string& folder) = 0;
  // Calls `take(index, bytes)` for each of `objects` in order, and fetches several at a time. Of one with a
  // size and a version the bytes of that version. Errors: also kCorrupt (an object is gone, or another one),
  // and those of `take`.
  virtual Status read(const std::vector<LogObject>& objects,
                      const std::function<Status(std::size_t index, std::string&& bytes)>& take) = 0;
  // What is not there is no error.
  virtual Status remove(const std::vector<std::string>& names) = 0;
  // The object of that name and all below it as a folder.
  virtual Status remove_tree(const std::string& name) = 0;
};

}  // namespace parallelrun
