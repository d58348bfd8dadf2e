// The boundary scan of CSV files, listing, and planning down to the disk. Files are made below the
// temporary directory (TMPDIR) and are warm when they are read.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "runner/input/csv_cutter.h"
#include "runner/input/file_set_writer.h"
#include "runner/input/file_walk.h"
#include "runner/input/planner.h"
#include "runner/plan/plan_file.h"
#include "runner/plan/posix_plan_storage.h"

namespace parallelrun {
namespace {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "plan-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::filesystem::path path_;
};

const std::filesystem::path& scratch() {
  static const Scratch directory;
  return directory.path_;
}

enum Content { kPlain, kQuoted, kStrayQuotes };

std::string csv_file(Content content) {
  const std::filesystem::path path = scratch() / ("content" + std::to_string(content) + ".csv");
  if (std::filesystem::exists(path)) return path.string();
  std::string text = "id,value,category,text\n";
  for (int i = 0; text.size() < (256U << 20U); ++i) {
    const std::string number = std::to_string(i);
    text += number + "," + std::to_string(i * 0.37) + ",c" + std::to_string(i % 17);
    if (content == kPlain) text += ",a sentence of some words " + number + "\n";
    if (content == kQuoted) text += ",\"a \"\"sentence\"\", of some\nwords " + number + "\"\n";
    if (content == kStrayQuotes) text += ",a 3.5\" sentence of words " + number + "\n";
  }
  std::ofstream(path, std::ios::binary) << text;
  return path.string();
}

void boundary_scan(benchmark::State& state, Content content) {
  const std::string path = csv_file(content);
  CsvCutter cutter({{}, static_cast<std::uint64_t>(state.range(0))});
  std::uint64_t slices = 0;
  for (auto _ : state) {
    cutter.start(path);
    while (const auto slice = cutter.next()) {
      benchmark::DoNotOptimize(slice->records);
      ++slices;
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * std::filesystem::file_size(path)));
  state.counters["slices"] = static_cast<double>(slices) / static_cast<double>(state.iterations());
}
BENCHMARK_CAPTURE(boundary_scan, without_quotes, kPlain)
    ->Arg(10 << 20)
    ->Arg(1 << 20)
    ->Arg(10 << 10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(boundary_scan, with_quotes, kQuoted)
    ->Arg(10 << 20)
    ->Arg(1 << 20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(boundary_scan, quotes_in_unquoted_fields, kStrayQuotes)
    ->Arg(10 << 20)
    ->Unit(benchmark::kMillisecond);

void mark_in_memory(benchmark::State& state) {
  const CsvKernel& kernel = *csv_kernels()[static_cast<std::size_t>(state.range(0))];
  state.SetLabel(kernel.name);
  std::string text;
  while (text.size() < (128U << 10U))
    text += state.range(1) != 0 ? "12345,\"a, b\",c0\n" : "12345,abcdef,c0\n";
  text.resize((text.size() / 64) * 64 + 1, '\n');
  const std::size_t blocks = text.size() / 64;
  std::vector<std::uint64_t> ends(blocks);
  std::vector<std::uint64_t> blanks(blocks);
  for (auto _ : state) {
    CsvCarry carry;
    kernel.mark(reinterpret_cast<const unsigned char*>(text.data()), blocks, ',', '"', carry, ends.data(),
                blanks.data());
    benchmark::DoNotOptimize(ends.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * blocks * 64));
}
BENCHMARK(mark_in_memory)
    ->ArgsProduct({benchmark::CreateDenseRange(0, static_cast<std::int64_t>(csv_kernels().size()) - 1, 1),
                   {0, 1}});

// `directories` of 1,000 files each.
std::string tree(std::int64_t directories) {
  const std::filesystem::path root = scratch() / ("tree" + std::to_string(directories));
  if (std::filesystem::exists(root)) return root.string();
  for (std::int64_t d = 0; d < directories; ++d) {
    const std::filesystem::path directory = root / ("folder_" + std::to_string(1000 + d));
    std::filesystem::create_directories(directory);
    for (int f = 0; f < 1000; ++f) {
      const std::string file = directory / ("image_" + std::to_string(100'000 + f) + ".png");
      ::close(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    }
  }
  return root.string();
}

void listing(benchmark::State& state, const char* glob) {
  const std::string root = tree(state.range(0));
  std::uint64_t files = 0;
  for (auto _ : state) {
    Result<FileWalk> walk = FileWalk::open({root, glob, {}, {}});
    while (walk) {
      const auto file = walk->next();
      if (!file || !*file) break;
      ++files;
    }
  }
  state.counters["files/s"] = benchmark::Counter(static_cast<double>(files), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(listing, all, "")->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(listing, glob, "**/*.png")->Arg(1000)->Unit(benchmark::kMillisecond);

void plan_to_disk(benchmark::State& state) {
  const std::string root = tree(state.range(0));
  Input input;
  input.name = "data";
  for (auto _ : state) {
    const std::string path = scratch() / "plan";
    ::unlink(path.c_str());
    auto storage = PosixPlanStorage::open(path);
    auto writer = PlanWriter::open(**storage);
    auto planner =
        Planner::create({{input}, {{"data", root}}, static_cast<std::uint64_t>(state.range(1)), ""});
    while (true) {
      const auto mini_batch = (*planner)->next();
      if (!mini_batch || !*mini_batch || !(*writer)->append(**mini_batch)) break;
    }
    if (!(*writer)->finish()) state.SkipWithError("cannot write the plan");
  }
}
BENCHMARK(plan_to_disk)->Args({500, 10})->Args({1000, 1})->Unit(benchmark::kMillisecond);

void read_plan(benchmark::State& state) {
  const std::string path = scratch() / "long_plan";
  ::unlink(path.c_str());
  auto storage = PosixPlanStorage::open(path);
  auto writer = PlanWriter::open(**storage);
  FileSetWriter files;
  for (std::uint64_t id = 0; id < 1'000'000; ++id) {
    files.add("images/folder_1000/", "image_100000.png");
    if (!(*writer)->append(MiniBatch{MiniBatchId{id}, 0, 1, files.take()})) std::abort();
  }
  if (!(*writer)->finish()) std::abort();
  for (auto _ : state) {
    PlanReader reader(**storage);
    while (true) {
      const auto found = reader.next((*writer)->flushed());
      if (!found || !*found) break;
    }
  }
  state.counters["mini_batches/s"] =
      benchmark::Counter(1e6 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(read_plan)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace parallelrun

BENCHMARK_MAIN();
