#include "common/posix/read_error.h"

#include <cerrno>
#include <cstring>

#include "common/result/denied.h"

namespace parallelrun {

Error read_error(const std::string& subject, int number) {
  const auto told = [&](ErrorCode code, const std::string& why) {
    return Error{code, "cannot read " + subject + ": " + why};
  };
  const std::string words = std::strerror(number);
  switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      return told(ErrorCode::kNotFound, words);
    case EACCES:
    case EPERM:
      return told(kDenied, words +
                               ": you have no right to it or to a folder above it; its owner can give it "
                               "with chmod");
    case EMFILE:
    case ENFILE:
      return told(ErrorCode::kIo,
                  words + "; raise the limit (ulimit -n), or close what is open, and try again");
    default:
      return told(ErrorCode::kIo,
                  words + "; try it again, and look at the disk or the file server if it stays so");
  }
}

}  // namespace parallelrun
