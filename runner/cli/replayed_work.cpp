#include "runner/cli/replayed_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "common/json/members.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/submitted_job.h"
#include "runner/input/descriptor_kind.h"
#include "runner/job/contents.h"
#include "runner/orchestrator/server/reuse.h"
#include "runner/orchestrator/stored_plan.h"
#include "runner/output/state_files.h"
#include "runner/plan/plan_file.h"
#include "runner/plan/posix_plan_storage.h"
#include "runner/plan/split.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::size_t kMostNamed = 3;

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The files of a mini-batch in their order; empty: its items are no files.
std::vector<std::string> files_of(const MiniBatch& mini_batch, const InputFormat& format) {
  if (format.kind() != DescriptorKind::kFileSet) return {};
  const auto names = format.objects_of(mini_batch.descriptor);
  return names && names->has_value() ? **names : std::vector<std::string>();
}

// Which one of the items in `range` is meant: a number, or the end of a file's path.
Result<std::uint64_t> item_named(const std::string& text, const WorkId& work, const MiniBatch& mini_batch,
                                 ItemRange range, const InputFormat& format) {
  const std::vector<std::string> files = files_of(mini_batch, format);
  std::vector<std::string> shown;
  std::vector<std::uint64_t> found;
  for (std::uint64_t i = range.begin; i < range.end && i < files.size(); ++i) {
    if (shown.size() < kMostNamed) shown.push_back("'" + presentable(files[i]) + "'");
    const std::string path = "/" + files[i];
    if (path.ends_with("/" + text) || (text.starts_with('/') && text.ends_with(path))) found.push_back(i);
  }
  if (found.size() == 1) return found.front();
  const auto number = number_of<std::uint64_t>(text);
  // Where the number of items is known only to a worker, the format judges.
  if (found.empty() && number && (mini_batch.items == 0 || *number < range.size()))
    return range.begin + *number;
  std::string words = fmt::format("ITEM is '{}', but mini-batch {} has {}", text, to_string(work),
                                  counted(range.size(), "item"));
  if (found.size() > 1) words = fmt::format("ITEM '{}' is the name of {} files there", text, found.size());
  words += range.size() == 1 ? ", number 0" : fmt::format(", numbers 0 to {}", range.size() - 1);
  if (!shown.empty())
    words += fmt::format(": {}{}", fmt::join(shown, ", "), shown.size() < range.size() ? ", ..." : "");
  return Error{ErrorCode::kInvalidArgument, std::move(words)};
}

}  // namespace

Result<WorkId> work_named(const std::string& text) {
  const std::size_t dot = text.find('.');
  const auto mini_batch = number_of<std::uint64_t>(std::string_view(text).substr(0, dot));
  const auto part = dot == std::string::npos
                        ? std::optional<std::uint32_t>(0)
                        : number_of<std::uint32_t>(std::string_view(text).substr(dot + 1));
  if (mini_batch && part) return WorkId{{*mini_batch}, *part};
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("MINI-BATCH is '{}', but must be the number of a mini-batch, such as 7 (or 7.2 of a "
                  "part), as `parallelrun failed` names it",
                  text)};
}

Result<MiniBatch> planned(const std::string& output, std::uint64_t number) {
  auto storage = PosixPlanStorage::open_to_read(output + "/" + orchestrator::kPlanPath);
  if (!storage && storage.error().code == ErrorCode::kNotFound)
    return Error{ErrorCode::kNotFound, "no mini-batch of this job is planned yet"};
  if (!storage) return storage.error();
  const auto size = (*storage)->size();
  if (!size) return size.error();
  const PlanExtent all{*size, std::numeric_limits<std::uint64_t>::max(), 0, false};
  PlanReader reader(**storage);
  while (true) {
    auto next = reader.next(all);
    // A job that was killed, or that is at work, may have half a record at the end.
    if (!next && (next.error().code != ErrorCode::kCorrupt || reader.position().mini_batches == 0))
      return next.error();
    if (!next || !*next) break;
    if ((*next)->id.value == number) return std::move(**next);
  }
  const std::uint64_t planned = reader.position().mini_batches;
  if (planned == 0) return Error{ErrorCode::kNotFound, "no mini-batch of this job is planned yet"};
  return Error{ErrorCode::kNotFound,
               planned == 1 ? fmt::format("this job has no mini-batch {}; it has one, number 0", number)
                            : fmt::format("this job has no mini-batch {}; they are 0 to {}{}", number,
                                          planned - 1, reader.position().complete ? "" : " so far")};
}

Result<MiniBatch> narrowed(MiniBatch mini_batch, const WorkId& work, const std::string& item,
                           const InputFormat& format, const std::string& root) {
  ItemRange range = items_of_part(work.part, mini_batch.items);
  // A single item is not split further, and the whole has no number.
  const bool is_part = work.part > 1 && items_of_part(work.part / 2, mini_batch.items).size() > 1;
  if (work.part != 0 && mini_batch.items > 0 && !is_part)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("mini-batch {} has {}, and so no part {}", mini_batch.id.value,
                             counted(mini_batch.items, "item"), work.part)};
  if (!item.empty()) {
    const auto index = item_named(item, work, mini_batch, range, format);
    if (!index) return index.error();
    range = {*index, *index + 1};
  }
  auto part = format.part_of(mini_batch.descriptor, range, root);
  if (!part) return part.error();
  if (!*part)
    return Error{
        ErrorCode::kInvalidArgument,
        "the items of this mini-batch cannot be told apart before the script gets them; replay it as a "
        "whole"};
  mini_batch.items = (*part)->items;
  mini_batch.descriptor = std::move((*part)->descriptor);
  return mini_batch;
}

json types_of_input(const std::string& output, std::uint32_t input) {
  const json all = read_state_json(output + "/" + kTypesPath);
  if (!all.is_array()) return {};
  for (const json& one : all) {
    if (one.is_object() && number_at(one, "input") == input) return one;
  }
  return {};
}

Status check_groups(const std::string& output, const MiniBatch& mini_batch, const InputFormat& format) {
  const auto objects = format.objects_of(mini_batch.descriptor);
  std::error_code error;
  if (!objects || objects->has_value() ||
      std::filesystem::exists(groups_directory(output, mini_batch.input), error))
    return {};
  return Error{
      ErrorCode::kInvalidArgument,
      "the records of a job with partitionKeys are kept only while there is something to do with them; this "
      "job is complete without failed items, and so a mini-batch of it cannot be replayed"};
}

std::string changes_since(const std::string& output, const std::string& input, const std::string& root,
                          const MiniBatch& mini_batch, const InputFormat& format) {
  // Nothing: of grouped records there is a copy, which the job has made.
  const auto objects = format.objects_of(mini_batch.descriptor);
  if (!objects || !objects->has_value()) return {};
  const std::set<std::string> names((*objects)->begin(), (*objects)->end());
  auto changed =
      changed_since(output + "/" + kContentsPath, orchestrator::Reuse::input_part(input), root, names);
  if (!changed) {
    return "whether the files of this mini-batch have changed is not known: " +
           (changed.error().code == ErrorCode::kNotFound ? "the job did not write down what they held"
                                                         : changed.error().message);
  }
  if (changed->empty()) return {};
  const std::size_t more = changed->size() - std::min(changed->size(), kMostNamed);
  changed->resize(changed->size() - more);
  return fmt::format("since the job listed its inputs: {}{}", fmt::join(*changed, ", "),
                     more > 0 ? fmt::format(", and {} more", more) : "");
}

}  // namespace parallelrun
