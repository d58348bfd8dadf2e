#include "runner/output/text_rows.h"

#include "common/result/try.h"

namespace parallelrun {

Result<Appended> TextRows::append(const std::vector<std::string>& rows, const std::vector<WorkId>&) {
  JoinedAppend out(file());
  PieceLengths lengths(out);
  for (const std::string& piece : rows) {
    RETURN_IF_ERROR(out.add(piece));
    if (!piece.empty() && piece.back() != '\n') RETURN_IF_ERROR(out.add("\n"));
    lengths.end_piece();
  }
  RETURN_IF_ERROR(out.flush());
  return lengths.appended();
}

}  // namespace parallelrun
