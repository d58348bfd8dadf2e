#include "common/posix/read_error.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "common/result/denied.h"

namespace parallelrun {
namespace {

TEST(ReadError, TellsApartWhatOneCanDoAboutIt) {
  EXPECT_EQ(read_error("'a'", ENOENT).code, ErrorCode::kNotFound);
  EXPECT_EQ(read_error("'a'", ENOTDIR).code, ErrorCode::kNotFound);
  EXPECT_EQ(read_error("'a'", ENAMETOOLONG).code, ErrorCode::kNotFound);
  EXPECT_EQ(read_error("'a'", EACCES).code, kDenied);
  EXPECT_EQ(read_error("'a'", EPERM).code, kDenied);
  EXPECT_EQ(read_error("'a'", EIO).code, ErrorCode::kIo);
  EXPECT_EQ(read_error("'a'", ESTALE).code, ErrorCode::kIo);
  EXPECT_EQ(read_error("'a'", EMFILE).code, ErrorCode::kIo);
}

TEST(ReadError, NamesTheFileTheReasonAndTheWayOut) {
  EXPECT_EQ(
      read_error("'/data/out'", EACCES).message,
      "cannot read '/data/out': Permission denied: you have no right to it or to a folder above it; its "
      "owner can give it with chmod");
  EXPECT_EQ(
      read_error("'/data/out'", EIO).message,
      "cannot read '/data/out': Input/output error; try it again, and look at the disk or the file server "
      "if it stays so");
  EXPECT_EQ(
      read_error("'/data/out'", EMFILE).message,
      "cannot read '/data/out': Too many open files; raise the limit (ulimit -n), or close what is open, "
      "and try again");
}

}  // namespace
}  // namespace parallelrun
