// What the page's server reads of others: addresses of requests, lines of logs, the beginning of an output
// file, and what a pod answers. An address that is one has no way out of its folder, and is written as it is
// read. The server bounds what it shows, and writes it as JSON.
#include <cmath>

#include "runner/web/first_rows.h"
#include "runner/web/growing_log.h"
#include "runner/web/output_answers.h"
#include "runner/web/output_folder.h"
#include "runner/web/pod_answers.h"
#include "runner/web/process_line.h"
#include "runner/web/request.h"
#include "runner/web/timeline.h"
#include "runner/web/timeline_reader.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

FUZZ_TARGET(page_input) {
  const std::string text(bytes);
  if (const auto target = web::parse_target(text)) {
    for (const std::string& part : target->path)
      HOLDS_ELSE(text, part != ".." && part != "." && part.find('/') == std::string::npos);
    const auto again = web::parse_target("/x?" + web::query_text(target->query));
    HOLDS_ELSE(text, again && again->query == target->query);
    const auto number = target->number("offset", 0, -5, 5);
    HOLDS_ELSE(text, !number || (*number >= -5 && *number <= 5));
  }
  HOLDS_ELSE(text, !web::is_path_within(text) || ("/" + text + "/").find("/../") == std::string::npos);

  web::Timeline timeline;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (const auto line = web::process_line(rest.substr(0, end))) {
      HOLDS_ELSE(text, std::isfinite(line->started) && line->duration >= 0 && line->run >= 0);
      timeline.add("node/process000", *line);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto document = timeline.document(2e9);
  HOLDS_ELSE(text, document["throughput"].size() <= web::Timeline::kMostPoints);

  bool thinned = false;
  const auto resources = web::node_resources(text, 10, thinned);
  HOLDS_ELSE(text,
             resources["time"].size() <= 10 && resources["time"].size() == resources["cpuPercent"].size());
  for (const char* format : {"text", "csv", "jsonl"}) {
    const auto rows = web::first_rows(text, format, 20, true);
    HOLDS_ELSE(text, rows["rows"].size() <= 20);
    const std::string shown = web::answer_text(rows);
    HOLDS_ELSE(shown, nlohmann::json::accept(shown) && shown.find('\n') == std::string::npos);
  }
  // What a pod writes of a log comes in any pieces.
  web::GrowingLog whole;
  web::GrowingLog halves;
  const bool taken = whole.take(text);
  const bool both = halves.take(text.substr(0, text.size() / 2)) && halves.take(text.substr(text.size() / 2));
  HOLDS_ELSE(text, taken == both);
  HOLDS_ELSE(text, !taken || (whole.size() == halves.size() && whole.ended() == halves.ended()));
  if (const auto piece = whole.piece({-1000, 1000, true}))
    HOLDS_ELSE(text, piece->text.size() <= 1000 && piece->next <= piece->size);
  if (const auto answers = web::answers_from(text, 2)) HOLDS_ELSE(text, answers->size() == 2);
}

}  // namespace
}  // namespace parallelrun
