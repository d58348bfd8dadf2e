// plan_dump walk ROOT [GLOB] [START_AFTER]           relative paths, as hexadecimal JSON strings
// plan_dump cut BYTES DELIMITER ENCODING PATH...     slices of CSV files
// plan_dump sample BYTES DELIMITER ENCODING PATH...  sample slices; BYTES: of a piece
// plan_dump resume BYTES DELIMITER ENCODING PATH...  like cut, but anew behind every slice
// plan_dump plan TYPE SIZE ROOT PLAN_FILE            writes a plan; prints counts and seconds
// plan_dump table BYTES FIELDS ROOT                  an input with FIELDS (JSON) as a manifest has them: what
// its
//                                                   worker is told, its sample, its mini-batches
// plan_dump parquet BYTES PATH...                    columns and slices of Parquet files, anew behind each
// One JSON object a line.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/json/json.h"
#include "common/spec/manifest.h"
#include "runner/input/csv_cutter.h"
#include "runner/input/csv_table_format.h"
#include "runner/input/file_walk.h"
#include "runner/input/input_format.h"
#include "runner/input/input_listing.h"
#include "runner/input/parquet.h"
#include "runner/input/parquet_footer.h"
#include "runner/input/planner.h"
#include "runner/input/slice_sample.h"
#include "runner/plan/plan_file.h"
#include "runner/plan/posix_plan_storage.h"

namespace parallelrun {
namespace {

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(kDigits[static_cast<unsigned char>(c) >> 4U]);
    text.push_back(kDigits[static_cast<unsigned char>(c) & 15U]);
  }
  return text;
}

void print(const nlohmann::json& object) { std::printf("%s\n", object.dump().c_str()); }

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "plan_dump: %s\n", message.c_str());
  std::exit(1);
}

void print(const FileSlice& slice) {
  print(nlohmann::json{{"path", hex(slice.path)},
                       {"offset", slice.offset},
                       {"length", slice.length},
                       {"first_row", slice.first_row},
                       {"records", slice.records},
                       {"file_size", slice.file_size},
                       {"header", hex(slice.header)}});
}

void walk(std::span<const std::string> args) {
  FileWalk::Options options{args[0], args.size() > 1 ? args[1] : "", std::nullopt,
                            args.size() > 2 ? args[2] : ""};
  Result<FileWalk> files = FileWalk::open(options);
  if (!files) die(files.error().message);
  while (true) {
    const auto file = files->next();
    if (!file) die(file.error().message);
    if (!*file) return;
    print(nlohmann::json(hex((*file)->path())));
  }
}

void cut(std::span<const std::string> args, bool resume) {
  const CsvFormat format{args[1][0], args[2]};
  const std::uint64_t bytes = std::stoull(args[0]);
  std::optional<CsvCutter> cutter(std::in_place, CsvCutter::Options{format, bytes});
  for (const std::string& path : args.subspan(3)) {
    cutter->start(path);
    while (const auto slice = cutter->next()) {
      print(*slice);
      if (resume) {
        cutter.emplace(CsvCutter::Options{format, bytes});
        cutter->resume_after(*slice);
      }
    }
  }
}

void parquet(std::span<const std::string> args) {
  const ParquetFormat format{Input{}};
  const std::uint64_t bytes = std::stoull(args[0]);
  for (const std::string& path : args.subspan(1)) {
    const auto footer = read_parquet_footer(*local_files().open(path));
    print(footer ? nlohmann::json{{"columns", footer->column_names}, {"rows", footer->rows}}
                 : nlohmann::json{{"error", footer.error().message}});
    auto cutter = format.slices(bytes);
    cutter->start(path);
    while (const auto slice = cutter->next()) {
      print(*slice);
      cutter = format.slices(bytes);
      cutter->resume_after(*slice);
    }
  }
}

void sample(std::span<const std::string> args) {
  SliceSampleOptions options;
  options.piece_bytes = std::stoull(args[0]);
  const std::vector<std::string> files(args.begin() + 3, args.end());
  Input input;
  input.delimiter = args[1][0];
  input.encoding = args[2];
  for (const FileSlice& slice : sample_slices(files, CsvTableFormat(input), options)) print(slice);
}

void table(std::span<const std::string> args) {
  nlohmann::json input = nlohmann::json::parse(args[1]);
  input.update({{"name", "table"}, {"type", "tabular"}, {"source", {{"local", {{"path", args[2]}}}}}});
  const ParsedSpec parsed =
      parse_manifest_document({{"apiVersion", kApiVersion},
                               {"kind", kKind},
                               {"metadata", {{"name", "dump"}}},
                               {"spec",
                                {{"entryScript", "/a.py"},
                                 {"inputs", {input}},
                                 {"output", {{"source", {{"local", {{"path", "/o"}}}}}}}}}});
  if (!parsed.ok()) die(to_string(parsed.problems.front()));
  const Input& read = parsed.spec.inputs.front();
  const std::unique_ptr<InputFormat> format = open_format(read);
  nlohmann::json entry = {{"name", read.name}, {"kind", format->kind()}, {"directory", args[2] + "/"}};
  format->tell_worker(entry);
  print(nlohmann::json{{"entry", entry}});
  const InputPlace place{args[2], {}};
  const auto listing = open_listing(read, *format, place);
  if (!listing) die(listing.error().message);
  const auto sample = format->sample(**listing, place.root());
  if (!sample) die(sample.error().message);
  if (*sample) print(nlohmann::json{{"sample", hex((*sample)->descriptor)}});
  auto planner = Planner::create({{read}, {{"table", args[2]}}, std::stoull(args[0]), ""});
  if (!planner) die(planner.error().message);
  while (true) {
    const auto mini_batch = (*planner)->next();
    if (!mini_batch) die(mini_batch.error().message);
    if (!*mini_batch) return;
    print(nlohmann::json{{"descriptor", hex((*mini_batch)->descriptor)}, {"items", (*mini_batch)->items}});
  }
}

void plan(std::span<const std::string> args) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - started).count(); };
  Input input;
  input.name = "data";
  input.type = args[0] == "tabular" ? InputType::kTabular : InputType::kFile;
  auto planner = Planner::create({{input}, {{"data", args[2]}}, std::stoull(args[1]), ""});
  if (!planner) die(planner.error().message);
  auto storage = PosixPlanStorage::open(args[3]);
  if (!storage) die(storage.error().message);
  auto writer = PlanWriter::open(**storage);
  if (!writer) die(writer.error().message);
  double first = 0;
  while (true) {
    const auto mini_batch = (*planner)->next();
    if (!mini_batch) die(mini_batch.error().message);
    if (!*mini_batch) break;
    if (first == 0) first = seconds();
    if (Status appended = (*writer)->append(**mini_batch); !appended) die(appended.error().message);
  }
  if (Status finished = (*writer)->finish(); !finished) die(finished.error().message);
  print(nlohmann::json{{"mini_batches", (*writer)->flushed().mini_batches},
                       {"items", (*writer)->flushed().items},
                       {"bytes", (*writer)->flushed().bytes},
                       {"first_seconds", first},
                       {"seconds", seconds()}});
}

}  // namespace
}  // namespace parallelrun

int main(int argc, char** argv) {
  const std::vector<std::string> all(argv + 1, argv + argc);
  const std::span<const std::string> args = std::span(all).subspan(all.empty() ? 0 : 1);
  const std::string verb = all.empty() ? "" : all[0];
  if (verb == "walk" && !args.empty()) {
    parallelrun::walk(args);
  } else if ((verb == "cut" || verb == "resume") && args.size() >= 4) {
    parallelrun::cut(args, verb == "resume");
  } else if (verb == "sample" && args.size() >= 4) {
    parallelrun::sample(args);
  } else if (verb == "table" && args.size() == 3) {
    parallelrun::table(args);
  } else if (verb == "parquet" && args.size() >= 2) {
    parallelrun::parquet(args);
  } else if (verb == "plan" && args.size() == 4) {
    parallelrun::plan(args);
  } else {
    parallelrun::die("see the head of plan_dump.cpp for its arguments");
  }
}
