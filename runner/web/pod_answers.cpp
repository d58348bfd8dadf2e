#include "runner/web/pod_answers.h"

#include <cstdint>
#include <utility>

#include "common/result/denied.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/web/output_answers.h"
#include "runner/web/request.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::seconds kTimeForLogs{20};  // there is no second look: the pod goes
constexpr auto kLastCode = static_cast<std::int64_t>(ErrorCode::kUnsupported);

// What the pod of another release may call by a number that we do not know is a failure.
ErrorCode code_from(const ordered_json& answer) {
  const auto found = answer.find("code");
  const bool number = found != answer.end() && found->is_number_integer();
  const auto code = number ? found->get<std::int64_t>() : std::int64_t{-1};
  if (code == static_cast<std::int64_t>(kDenied)) return kDenied;
  return code >= 0 && code <= kLastCode ? static_cast<ErrorCode>(code) : ErrorCode::kIo;
}

Result<ordered_json> answer_to(const std::string& directory, const std::string& question,
                               TimelineReader& timelines) {
  auto target = parse_target("/" + question);
  if (!target || target->path.size() != 1)
    return Error{ErrorCode::kInvalidArgument, "this is no question: '" + presentable(question) + "'"};
  ASSIGN_OR_RETURN(OutputFolder folder, OutputFolder::open(directory, ""));
  const std::string about = target->path.front();
  return answer({directory, directory, std::move(folder)}, about, *target, timelines);
}

}  // namespace

std::string answers_of(const std::string& directory, const std::vector<std::string>& questions) {
  TimelineReader timelines({.most_jobs = 1, .most_time = kTimeForLogs});
  ordered_json answers = ordered_json::array();
  for (const std::string& question : questions) {
    auto answer = answer_to(directory, question, timelines);
    answers.push_back(answer ? ordered_json{{"answer", std::move(answer).value()}}
                             : ordered_json{{"error", answer.error().message},
                                            {"code", static_cast<int>(answer.error().code)}});
  }
  return answer_text(std::move(answers));
}

std::optional<std::vector<Result<ordered_json>>> answers_from(const std::string& text, std::size_t count) {
  ordered_json document = ordered_json::parse(text, nullptr, false);
  if (!document.is_array() || document.size() != count) return std::nullopt;
  std::vector<Result<ordered_json>> answers;
  for (ordered_json& one : document) {
    if (!one.is_object()) return std::nullopt;
    if (one.contains("answer") && one["answer"].is_object()) {
      answers.emplace_back(std::move(one["answer"]));
      continue;
    }
    if (!one.contains("error") || !one["error"].is_string()) return std::nullopt;
    answers.emplace_back(Error{code_from(one), one["error"].get<std::string>(), false});
  }
  return answers;
}

}  // namespace parallelrun::web
