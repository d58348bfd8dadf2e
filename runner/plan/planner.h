// Turns the inputs of a job into mini-batches, one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/spec/job_spec.h"
#include "runner/plan/csv_cutter.h"
#include "runner/plan/file_set_writer.h"
#include "runner/plan/file_walk.h"
#include "runner/plan/mini_batch_source.h"
#include "runner/plan/passed_over.h"

namespace parallelrun {

// The glob of an input: what the manifest says, else every file, or of a table the endings of CSV in any
// case.
std::string glob_of(const Input& input);

// Implements `inputs` and `mini_batch_size` of ParallelRunStep: file inputs in groups of `miniBatchSize`
// files, tabular inputs in slices of about `miniBatchSize` bytes, input after input in the order of the
// manifest, never two in one mini-batch. The same files give the same mini-batches. Reads no further than
// it is asked to. One thread at a time.
class Planner final : public MiniBatchSource {
 public:
  struct Options {
    std::vector<Input> inputs;
    std::map<std::string, std::string> directories;  // by input name, absolute
    std::uint64_t mini_batch_size = 10;              // files, or bytes
    std::string output_directory;                    // left out of every listing; empty: none
  };

  static Options options_for(const JobSpec& spec, std::map<std::string, std::string> input_directories,
                             std::string output_directory);

  // `last`: the last mini-batch that an earlier run persisted; planning goes on behind it.
  // Errors: kNotFound or kInvalidArgument naming the input whose directory is missing, is no directory, or
  // whose glob does not compile, for any of the inputs; kCorrupt if `last` does not fit the inputs.
  static Result<std::unique_ptr<Planner>> create(Options options, const std::optional<MiniBatch>& last = {});

  // Errors: kNotFound for an input that has no file (or no record) at all, naming input, directory and glob;
  // kIo naming a directory that cannot be read.
  Result<std::optional<MiniBatch>> next() override;

  // What was left out of inputs whose listing has ended since the last call, by input and kind. Of what this
  // planner has listed.
  std::vector<PassedOver> take_passed_over() { return std::exchange(passed_over_, {}); }

 private:
  explicit Planner(Options options) : options_(std::move(options)) {}

  FileWalk::Options walk_options(const Input& input) const;
  Status begin_input(std::string start_after);
  Status resume(const MiniBatch& last);
  Result<std::optional<MiniBatch>> next_files();
  Result<std::optional<MiniBatch>> next_slice();
  void compare_header(const CsvSlice& slice);
  MiniBatch make(std::uint64_t items, std::string descriptor);
  Error nothing_found(const Input& input) const;
  Error in_input(const Error& error) const;

  Options options_;
  std::optional<FileIdentity> output_;
  std::uint64_t next_id_ = 0;
  std::size_t input_ = 0;
  bool input_begun_ = false;
  std::uint64_t input_files_ = 0;  // that the walk gave in this run
  bool input_has_mini_batches_ = false;
  bool input_partly_ = false;  // an earlier run has listed some of them
  PassedCounts passed_;        // of the current input
  std::optional<FileWalk> walk_;
  FileSetWriter files_;
  std::optional<CsvCutter> cutter_;
  std::string
      table_;  // the file that the cutter has begun, below the input's directory; empty: none, or told
  std::string first_header_;  // of the input's tables, as far as this planner has seen them
  std::vector<PassedOver> passed_over_;
};

}  // namespace parallelrun
