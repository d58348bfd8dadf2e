#include "runner/events/taken_over_words.h"

#include <fmt/format.h>

#include "common/json/members.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"

namespace parallelrun {

std::string taken_over_in_words(const nlohmann::json& taken) {
  const std::string from = presentable(text_at(taken, "from"));
  if (const std::uint64_t mini_batches = count_at(taken, "miniBatches"); mini_batches > 0)
    return fmt::format("{} in {} of '{}'", counted(count_at(taken, "items"), "item"),
                       counted(mini_batches, "mini-batch"), from);
  std::string why;
  const auto again = taken.find("again");
  if (again != taken.end() && again->is_array()) {
    for (const nlohmann::json& one : *again)
      if (one.is_string()) why += (why.empty() ? ": " : "; ") + presentable(one.get<std::string>());
  }
  return fmt::format("nothing of '{}'{}", from, why);
}

}  // namespace parallelrun
