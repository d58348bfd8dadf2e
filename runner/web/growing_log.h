// A log of a job in a cluster while it grows: how its bytes travel from the pod that reads it, and the last
// of them, which the page's server keeps while somebody follows.
//
// The pod writes pieces, "at OFFSET LENGTH\n" and so many bytes, and when the job has ended "end\n". A piece
// that does not go on where the one before ended begins the log anew: a rotation has put another file there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "runner/web/log_text.h"

namespace parallelrun::web {

// In the pod: the last MiB of the log, then what is added to it, until the job is not at work any more.
// Blocks. `write` says false where nobody reads any more, which is an end too. Errors: kInvalidArgument (no
// path of a log), those of OutputFolder, at the beginning only.
Status write_growing_log(const std::string& directory, const std::string& path,
                         const std::function<bool(std::string_view bytes)>& write);

class GrowingLog {
 public:
  static constexpr std::size_t kMostKept = std::size_t{2} << 20U;

  // Bytes as they come, in any pieces. False: no pod of ours writes that.
  bool take(std::string_view bytes);
  std::optional<std::uint64_t> size() const;  // nothing: no piece has come yet
  bool ended() const { return ended_; }
  // As read_log(). Nothing: some of it is not kept.
  std::optional<LogPiece> piece(const LogRange& range) const;

 private:
  bool take_head();

  std::string head_;        // of a piece, the part that has come
  std::uint64_t left_ = 0;  // bytes of a piece that are still to come
  std::uint64_t begin_ = 0;
  std::string kept_;
  bool any_ = false;
  bool ended_ = false;
};

}  // namespace parallelrun::web
