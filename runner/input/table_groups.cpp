#include "runner/input/table_groups.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <random>
#include <system_error>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/posix/environment.h"
#include "common/posix/program_run.h"
#include "common/posix/running_program.h"
#include "common/posix/whole_file.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/input/column_declarations.h"
#include "runner/input/file_write.h"
#include "runner/input/parquet_footer.h"
#include "runner/input/table_file.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

constexpr std::chrono::hours kLongest{24 * 365};  // it is ended by us, or works
constexpr std::size_t kLongestAnswer = 8U << 20U;

// Where pyarrow may be: that of the data process in our images, then where scripts run.
std::vector<std::string> pythons() {
  std::vector<std::string> found;
  if (std::string own = environment_variable("PARALLELRUN_DATA_PYTHON"); !own.empty()) found.push_back(own);
  if (std::string active = environment_variable("VIRTUAL_ENV"); !active.empty())
    found.push_back(active + "/bin/python3");
  if (std::string own = environment_variable("PARALLELRUN_DEFAULT_PYTHON"); !own.empty())
    found.push_back(own);
  found.emplace_back("python3");
  return found;
}

// A name that no earlier grouping had: one that was passed by and still writes cannot damage this one.
std::string fresh_token() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 2; ++i) {
    const std::uint32_t number = random();
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return hex_of(bytes);
}

std::string request_for(const std::vector<FileToGroup>& files, const TableGrouping& grouping,
                        const std::string& token, bool check) {
  nlohmann::json told{{"parent", ::getpid()},
                      {"check", check},
                      {"input", grouping.input.name},
                      {"root", hex_of(grouping.root)},
                      {"columns", grouping.keys},
                      {"paths", std::count(grouping.in_path.begin(), grouping.in_path.end(), true)},
                      {"declared", declared_columns(grouping.input)},
                      {"memory", grouping.memory_bytes},
                      {"token", token}};
  if (grouping.store) {
    told["store"] = {{"socket", hex_of(grouping.store->socket)},
                     {"input", grouping.store->input},
                     {"directory", hex_of(grouping.store->directory)}};
  }
  std::string request;
  wire::Writer out(request);
  out.bytes(told.dump());
  out.u32(static_cast<std::uint32_t>(files.size()));
  for (const FileToGroup& file : files) {
    out.bytes(file.path);
    if (grouping.store) {
      out.u8(file.size ? 1 : 0);
      out.u64(file.size.value_or(0));
      out.bytes(file.version);
    }
    for (std::size_t i = 0; i < grouping.in_path.size(); ++i) {
      if (!grouping.in_path[i]) continue;
      out.u8(file.texts[i] ? 0 : 1);
      out.bytes(file.texts[i].value_or(""));
    }
  }
  return request;
}

Error no_pyarrow(const std::vector<std::string>& reasons) {
  std::string why;
  for (const std::string& reason : reasons) why += (why.empty() ? "" : "; ") + reason;
  return Error{
      ErrorCode::kUnsupported,
      "Parquet files are grouped by their columns with pyarrow 14 or newer, and no Python here has it "
      "(" +
          why +
          "). Install pyarrow into the active virtual environment, or the one of `python3`; "
          "spec.environment.requirements serve the script alone"};
}

// Runs the program; its answer.
Result<nlohmann::json> answer_to(const std::string& request, const std::vector<std::string>& arguments,
                                 const std::atomic<bool>* stopped) {
  const std::string programs = std::filesystem::path(running_program()).parent_path().string();
  std::vector<std::string> reasons;
  for (const std::string& python : pythons()) {
    ProgramRun run;
    run.program = python;
    run.arguments = {"-I", programs + "/python/parallelrun_worker/group_rows.py"};
    run.arguments.insert(run.arguments.end(), arguments.begin(), arguments.end());
    for (char** entry = environ; *entry != nullptr; ++entry) run.environment.emplace_back(*entry);
    run.input = request;
    run.time_limit = kLongest;
    run.longest_output = kLongestAnswer;
    run.stopped = stopped;
    const auto outcome = run_program(run);
    if (!outcome && outcome.error().code == ErrorCode::kNotFound) {
      reasons.push_back(python + " is not there");
      continue;
    }
    if (!outcome) return outcome.error();
    nlohmann::json answer = nlohmann::json::parse(outcome->output, nullptr, false);
    if (outcome->exit_code != 0 || !answer.is_object()) {
      return Error{ErrorCode::kIo,
                   "the program that groups rows (" + presentable(python) + ") ended with exit code " +
                       std::to_string(outcome->exit_code) +
                       (outcome->exit_code == 137 ? "; it may have been killed for its use of memory"
                                                  : ": " + presentable_lines(outcome->errors))};
    }
    if (text_at(answer, "kind") == "python") {
      reasons.push_back(presentable(text_at(answer, "error")));
      continue;
    }
    if (!answer.contains("error")) return answer;
    const std::string kind = text_at(answer, "kind");
    const ErrorCode code = kind == "room"    ? ErrorCode::kNoSpace
                           : kind == "input" ? ErrorCode::kInvalidArgument
                                             : ErrorCode::kIo;
    return Error{code, text_at(answer, "error")};
  }
  return no_pyarrow(reasons);
}

Result<std::string> whole_content(const std::string& path) {
  const auto file = local_files().open(path);
  if (Status state = file->state(); !state) return state.error();
  return read_exactly(*file, 0, file->size());
}

// What group_rows.py says of its groups (_write_result there).
Result<RecordGroups> take_result(std::string_view bytes, const std::vector<FileToGroup>& files,
                                 const TableGrouping& grouping) {
  RecordGroups groups;
  wire::Reader in(bytes);
  std::vector<KeyType> column_types;
  in.repeated(1, [&] {
    column_types.push_back(static_cast<KeyType>(in.u8()));
    return column_types.back() <= last_of(KeyType{});
  });
  const bool sound = column_types.size() == grouping.keys.size();
  std::size_t column = 0;
  for (std::size_t i = 0; i < grouping.in_path.size() && sound; ++i)
    groups.types.push_back(grouping.in_path[i] ? grouping.path_types[i] : column_types[column++]);
  in.repeated(4, [&] {
    groups.tables.emplace_back().name = in.string();
    return true;
  });
  const std::uint64_t count = in.u64();
  for (std::uint64_t i = 0; i < count && in.ok() && sound; ++i) {
    RecordGroup& group = groups.groups.emplace_back();
    group.table = in.u32();
    group.offset = in.u64();
    group.records = in.u64();
    const std::uint32_t file = in.u32();
    if (group.table >= groups.tables.size() || file >= files.size()) break;
    for (std::size_t key = 0; key < grouping.in_path.size(); ++key) {
      if (grouping.in_path[key]) {
        group.texts.push_back(files[file].texts[key]);
        continue;
      }
      const bool missing = in.u8() != 0;
      std::string text = in.string();
      group.texts.push_back(missing ? KeyText() : KeyText(std::move(text)));
    }
  }
  PassedCounts passed;
  for (const PassedKind kind : {PassedKind::kEmptyTable, PassedKind::kOtherColumnOrder}) {
    in.repeated(4, [&] {
      const std::uint32_t file = in.u32();
      if (file < files.size()) passed.add(kind, files[file].path);
      return true;
    });
  }
  if (!in.done() || !sound) return Error{ErrorCode::kIo, "the program that groups rows did not end its work"};
  groups.passed = passed.of_input(0, false);
  return groups;
}

}  // namespace

Result<std::vector<std::string>> check_tables(const std::vector<FileToGroup>& files,
                                              const TableGrouping& grouping) {
  TableGrouping all = grouping;
  all.in_path.clear();
  ASSIGN_OR_RETURN(const nlohmann::json answer,
                   answer_to(request_for(files, all, "", true), {}, grouping.stopped));
  std::vector<std::string> columns;
  for (const nlohmann::json& name : answer.value("columns", nlohmann::json::array()))
    columns.push_back(name.get<std::string>());
  return columns;
}

Result<RecordGroups> group_tables(const std::vector<FileToGroup>& files, const TableGrouping& grouping) {
  RETURN_IF_ERROR(begin_groups(grouping.directory));
  const std::string token = fresh_token();
  std::string names;
  for (const FileToGroup& file : files) names += file.path + '\0';
  const WholeFileOptions for_workers{.mode = 0644, .despite_umask = true};
  if (const int failed = write_whole_file(grouping.directory + "names-" + token, names, for_workers);
      failed != 0)
    return write_error(grouping.directory, failed);
  const std::string result = grouping.directory + "result-" + token;
  if (const auto answer = answer_to(request_for(files, grouping, token, false), {result}, grouping.stopped);
      !answer)
    return answer.error();
  ASSIGN_OR_RETURN(const std::string bytes, whole_content(result));
  ::unlink(result.c_str());
  ASSIGN_OR_RETURN(RecordGroups groups, take_result(bytes, files, grouping));
  for (GroupedTable& table : groups.tables) {
    const auto file = local_files().open(grouping.directory + table.name);
    ASSIGN_OR_RETURN(const ParquetFooter footer, read_parquet_footer(*file));
    table.size = file->size();
    table.footer = footer.begin;
    table.hash = footer.hash;
  }
  RETURN_IF_ERROR(end_groups(grouping.directory, groups));
  return groups;
}

}  // namespace parallelrun
