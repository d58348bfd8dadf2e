#include "runner/cli/wanted_files.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "runner/web/output_answers.h"
#include "runner/web/request.h"

namespace parallelrun {
namespace {

constexpr const char* kFailedItems = "failed_items.jsonl";
constexpr const char* kDriverOfFollowed = "sys/master_role.txt";  // of `logs -f` without LOG
constexpr std::uint64_t kTracebackLines = 2000;
constexpr std::uint64_t kShownRows = (std::uint64_t{2} << 20U) + 1;  // of a page, and whether there are more
constexpr std::int64_t kAroundPiece = 64 << 10;                      // lines that begin or end outside
constexpr std::int64_t kFollowedFrom = 1 << 20;                      // of a page
constexpr std::uint64_t kToTheEnd = std::uint64_t{1} << 60U;

// "--tail=20" and what stands behind it, as the verb reads them.
struct Given {
  std::vector<std::string> options;
  std::vector<std::string> words;

  bool has(std::string_view name) const {
    return std::find(options.begin(), options.end(), name) != options.end();
  }
  std::optional<std::uint64_t> number(std::string_view name) const {
    for (const std::string& option : options) {
      if (!option.starts_with(name) || option.size() <= name.size() || option[name.size()] != '=') continue;
      std::uint64_t value = 0;
      const char* begin = option.data() + name.size() + 1;
      if (std::from_chars(begin, option.data() + option.size(), value).ec == std::errc()) return value;
    }
    return std::nullopt;
  }
};

Given given_in(const std::vector<std::string>& words) {
  Given given;
  bool only_words = false;
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (!only_words && words[i] == "--") {
      only_words = true;
    } else if (!only_words && words[i].starts_with("--")) {
      given.options.push_back(words[i]);
    } else {
      given.words.push_back(words[i]);
    }
  }
  return given;
}

void add_logs(const Given& given, const OutputNames& names, WantedFiles& wanted) {
  const bool follow = given.has("--follow");
  const auto tail = given.number("--tail");
  std::vector<std::string> words = given.words;
  if (words.empty() && follow) words = {kDriverOfFollowed};
  for (const std::string& word : words) {
    for (const report::LogFile& file : report::selected(names.logs, word))
      wanted.files.push_back(
          {kLogs + file.name, tail ? Amount{Amount::Kind::kLastLines, *tail} : Amount{}, follow});
  }
}

void add_logs_where(const OutputNames& names, const Amount& amount,
                    bool (*is_wanted)(const std::string& name), WantedFiles& wanted) {
  for (const report::LogFile& file : names.logs) {
    if (is_wanted(file.name)) wanted.files.push_back({kLogs + file.name, amount});
  }
}

void add_errors(const OutputNames& names, WantedFiles& wanted) {
  add_logs_where(names, {}, [](const std::string& name) { return name == "user/errors.json"; }, wanted);
  add_logs_where(
      names, {Amount::Kind::kFirstLines, kTracebackLines},
      [](const std::string& name) { return name.starts_with("user/error/"); }, wanted);
}

// What explains where the time goes: the lines of processes, and the tables of what they used.
void add_times(const OutputNames& names, WantedFiles& wanted) {
  add_logs_where(
      names, {},
      [](const std::string& name) {
        const std::size_t file = name.rfind('/') + 1;
        return (name.starts_with("sys/node/") && name.compare(file, 7, "process") == 0) ||
               (name.starts_with("perf/") && name.ends_with("resource_usage.csv"));
      },
      wanted);
}

void add_failed(const OutputNames& names, const Amount& amount, WantedFiles& wanted) {
  if (names.rows_in_log) {
    wanted.state_of_work = true;
  } else {
    wanted.files.push_back({kFailedItems, amount});
  }
}

void add_rows(const OutputNames& names, const Amount& amount, WantedFiles& wanted) {
  if (names.output_file.empty()) return;
  if (names.rows_in_log) {
    wanted.state_of_work = true;
  } else {
    wanted.files.push_back({names.output_file, amount});
  }
}

void add_output(const Given& given, const OutputNames& names, WantedFiles& wanted) {
  const auto rows = given.number("--rows");
  if (!rows) return add_rows(names, {}, wanted);
  // Of Parquet the verb shows no rows; that the file is there is enough.
  const bool text = names.format != "parquet";
  add_rows(names, text ? Amount{Amount::Kind::kFirstLines, *rows + 1} : Amount{Amount::Kind::kBytes, 0},
           wanted);
}

void add_question(const std::string& question, const OutputNames& names, WantedFiles& wanted) {
  const auto target = web::parse_target("/" + question);
  if (!target || target->path.size() != 1) return;
  const std::string& about = target->path.front();
  if (about == "explain" || about == "timeline") return add_times(names, wanted);
  if (about == "errors") return add_errors(names, wanted);
  if (about == "failed") return add_failed(names, {}, wanted);
  if (about == "rows")
    return add_rows(names, names.format == "parquet" ? Amount{} : Amount{Amount::Kind::kBytes, kShownRows},
                    wanted);
  if (about == "log") {
    const auto range = web::log_range(*target);
    if (!range) return;
    const std::int64_t begin = range->offset < 0 ? range->offset - kAroundPiece
                                                 : std::max<std::int64_t>(0, range->offset - kAroundPiece);
    const auto number = static_cast<std::uint64_t>(range->length + 2 * kAroundPiece);
    wanted.files.push_back({kLogs + target->text("path"), {Amount::Kind::kBytes, number, begin}});
  }
  if (about == "search") {
    const auto from = target->number("from", 0, 0, static_cast<std::int64_t>(kToTheEnd));
    const std::int64_t begin = from ? std::max<std::int64_t>(0, *from - kAroundPiece) : 0;
    wanted.files.push_back({kLogs + target->text("path"), {Amount::Kind::kBytes, kToTheEnd, begin}});
  }
}

void add_answers(const Given& given, const OutputNames& names, WantedFiles& wanted) {
  for (const std::string& question : given.words) {
    if (!given.has("--follow")) {
      add_question(question, names, wanted);
    } else {
      wanted.files.push_back({kLogs + question, {Amount::Kind::kBytes, kToTheEnd, -kFollowedFrom}, true});
    }
  }
}

}  // namespace

WantedFiles wanted_files(const std::vector<std::string>& words, const OutputNames& names) {
  WantedFiles wanted;
  if (words.empty()) return wanted;
  const std::string& verb = words.front();
  const Given given = given_in(words);
  if (verb == "logs") add_logs(given, names, wanted);
  if (verb == "errors") add_errors(names, wanted);
  if (verb == "explain") add_times(names, wanted);
  if (verb == "output") add_output(given, names, wanted);
  if (verb == "answer") add_answers(given, names, wanted);
  if (verb == "pack") wanted.state_of_work = true;
  if (verb == "failed") {
    const auto limit = given.number("--limit");
    // One line is at least one item, and one more tells that there are more.
    add_failed(names, limit ? Amount{Amount::Kind::kFirstLines, *limit + 1} : Amount{}, wanted);
  }
  // Several questions may ask for one file, and then for all of it.
  std::vector<WantedFile> once;
  for (WantedFile& file : wanted.files) {
    const auto same = std::find_if(once.begin(), once.end(),
                                   [&](const WantedFile& other) { return other.name == file.name; });
    if (same == once.end()) {
      once.push_back(std::move(file));
    } else if (same->amount != file.amount) {
      same->amount = {};
    }
  }
  wanted.files = std::move(once);
  return wanted;
}

const std::vector<std::string>& state_file_names() {
  static const std::vector<std::string> kNames = {".parallelrun/job.json", ".parallelrun/result.json",
                                                  ".parallelrun/lock", "logs/sys/progress.json"};
  return kNames;
}

}  // namespace parallelrun
