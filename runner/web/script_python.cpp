#include "runner/web/script_python.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/posix/environment.h"
#include "common/text/presentable.h"
#include "runner/job/contents.h"
#include "runner/job/installed_python.h"

namespace parallelrun::web {
namespace {

constexpr int kFirstParts = 4;  // among which the Python is noted

bool can_run(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

// "Python 3.11.2 of /usr"
std::string in_words(const nlohmann::json& packages) {
  const std::string version = text_at(packages, "version");
  const std::string prefix = text_at(packages, "prefix");
  if (version.empty() || prefix.empty()) return "";
  return fmt::format("Python {} of {}", version.substr(0, version.find(' ')), prefix);
}

}  // namespace

Result<std::string> script_python() {
  const std::string active = environment_variable("VIRTUAL_ENV");
  if (!active.empty()) {
    const std::string python = active + "/bin/python3";
    if (can_run(python)) return python;
    return Error{
        ErrorCode::kNotFound,
        fmt::format("the page was started with VIRTUAL_ENV='{}', where no bin/python3 can be run; start "
                    "`parallelrun ui` where the job's Python is active",
                    presentable(active))};
  }
  if (const std::string own = environment_variable("PARALLELRUN_DEFAULT_PYTHON"); can_run(own)) return own;
  const std::string path = environment_variable("PATH");
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string python = path.substr(begin, end - begin) + "/python3";
    if (end > begin && can_run(python)) return python;
    begin = end + 1;
  }
  return Error{
      ErrorCode::kNotFound,
      "there is no python3 on the PATH that the page was started with; start `parallelrun ui` where the "
      "job's Python is active"};
}

std::string PythonHere::get() {
  std::call_once(asked_, [this] {
    std::vector<std::string> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
    const auto python = installed_python(environment);
    if (python) words_ = in_words(python->packages);
  });
  return words_;
}

std::string python_of_job(const std::string& directory) {
  auto reader = ContentsReader::open(directory + "/" + kContentsPath);
  if (!reader) return "";
  ContentPart part;
  for (int i = 0; i < kFirstParts; ++i) {
    const auto more = (*reader)->next_part(part);
    if (!more || !*more) return "";
    if (part.name == "python3") return in_words(nlohmann::json::parse(part.note, nullptr, false));
    ContentEntry entry;
    if (const auto another = (*reader)->next(entry); !another || *another) return "";
  }
  return "";
}

}  // namespace parallelrun::web
