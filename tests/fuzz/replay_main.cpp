// fuzz_replay TARGET FILE|FOLDER...: runs stored inputs once each, without clang. A broken property ends the
// process; the input that was at work is named.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace {

std::string at_work;  // the input that is replayed, for the signal handler

void say_input(int signal) {
  const std::string_view text = at_work;
  [[maybe_unused]] const auto begun = ::write(STDERR_FILENO, "input: ", 7);
  [[maybe_unused]] const auto said = ::write(STDERR_FILENO, text.data(), text.size());
  [[maybe_unused]] const auto ended = ::write(STDERR_FILENO, "\n", 1);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

std::vector<std::filesystem::path> inputs_of(int count, char** arguments) {
  std::vector<std::filesystem::path> all;
  for (int i = 0; i < count; ++i) {
    const std::filesystem::path path = arguments[i];
    if (!std::filesystem::is_directory(path)) {
      all.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const auto& targets = parallelrun::fuzz::targets();
  const auto target = argc > 1 ? targets.find(argv[1]) : targets.end();
  if (target == targets.end() || argc < 3) {
    std::fprintf(stderr, "usage: %s TARGET FILE|FOLDER...; targets:", argv[0]);
    for (const auto& entry : targets) std::fprintf(stderr, " %s", std::string(entry.first).c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  std::signal(SIGABRT, say_input);
  const auto inputs = inputs_of(argc - 2, argv + 2);
  for (const auto& path : inputs) {
    at_work = path.string();
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s cannot be read\n", at_work.c_str());
      return 2;
    }
    const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    // A block of its very size, so that a sanitizer sees what reads on behind it.
    const std::unique_ptr<char[]> block(new char[content.size()]);
    std::copy(content.begin(), content.end(), block.get());
    target->second(std::string_view(block.get(), content.size()));
  }
  std::printf("%zu inputs of %s replayed\n", inputs.size(), argv[1]);
  return inputs.empty() ? 2 : 0;
}
