// Cuts one file after another into runs of whole records: what a format whose mini-batches are slices of
// files has of its own when it plans.
#pragma once

#include <optional>
#include <string>

#include "runner/input/file_slice.h"
#include "runner/plan/passed_over.h"

namespace parallelrun {

// A pull iterator. Never fails by itself: what is wrong with a file is found and reported by the worker that
// reads it. One thread at a time.
class SliceCutter {
 public:
  virtual ~SliceCutter() = default;

  // Begins a file. `path` is absolute, and so is that of its slices.
  virtual void start(std::string path) = 0;

  // Begins the file of `last`, a slice that an earlier run of the same job cut, behind it. If the file has
  // another size now or other bytes in `last`, what is left comes as one slice of Check::kChanged, which
  // fails.
  virtual void resume_after(const FileSlice& last) = 0;

  // The next slice of the file, or nothing when it has no more (or none was begun).
  virtual std::optional<FileSlice> next() = 0;

  // Once next() has given nothing: why start()'s file had no slice, as far as a scan can tell.
  virtual std::optional<PassedKind> without_records() const = 0;
};

}  // namespace parallelrun
