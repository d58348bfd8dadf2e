#include "runner/output/text_rows.h"

namespace parallelrun {

Result<Appended> TextRows::append(const std::vector<std::string>& rows) {
  JoinedAppend out(file());
  for (const std::string& piece : rows) {
    if (auto done = out.add(piece); !done) return done.error();
    if (piece.empty() || piece.back() == '\n') continue;
    if (auto done = out.add("\n"); !done) return done.error();
  }
  if (auto done = out.flush(); !done) return done.error();
  return out.appended();
}

}  // namespace parallelrun
