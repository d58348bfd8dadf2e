// A directory of one process alone, which leaves nothing behind even where it is killed.
#pragma once

#include <string>
#include <string_view>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"

namespace parallelrun {

// BASE/PREFIX-XXXXXX, mode 0700. The process holds a lock inside it as long as it lives. The destructor
// removes the directory with all that is in it.
class PrivateDirectory {
 public:
  // Errors: kIo; the message names the path.
  static Result<PrivateDirectory> make(const std::string& base, std::string_view prefix);
  // Removes what killed processes of this user have left: directories of that name whose lock nobody holds.
  // Whatever it cannot read or remove stays. Gives the number of those it removed.
  static int remove_abandoned(const std::string& base, std::string_view prefix);

  ~PrivateDirectory();
  PrivateDirectory(PrivateDirectory&& other) noexcept;
  PrivateDirectory& operator=(PrivateDirectory&& other) noexcept;

  const std::string& path() const { return path_; }

 private:
  PrivateDirectory(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;  // empty: moved from
  FileDescriptor lock_;
};

}  // namespace parallelrun
