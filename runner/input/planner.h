// Turns the inputs of a job into mini-batches, one at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/input/input_format.h"
#include "runner/input/input_listing.h"
#include "runner/plan/mini_batch.h"
#include "runner/plan/passed_over.h"

namespace parallelrun {

// Implements `inputs` and `mini_batch_size` of ParallelRunStep: input after input in the order of the
// manifest, each as its format cuts it, never two in one mini-batch. The same objects give the same
// mini-batches. Reads no further than it is asked to. One thread at a time.
class Planner {
 public:
  struct Options {
    std::vector<Input> inputs;
    std::map<std::string, std::string> directories;  // by input name, absolute
    std::uint64_t mini_batch_size = 10;              // in the unit of the inputs' format: files, or bytes
    std::string output_directory;                    // left out of every listing; empty: none
    std::vector<std::string> partition_keys = {};    // [partition_keys] instead of a size
    const std::atomic<bool>* stopped = nullptr;      // ends a next() that takes long
    std::string data_socket = {};                    // of the data process; empty: no input needs it
    // Takes the listing of an input, by its index, and gives the one that is planned from. Empty: that is the
    // same.
    std::function<std::unique_ptr<Listing>(std::size_t input, std::unique_ptr<Listing>)> watched = {};
    // Of inputs with work that is in the plan before this planner begins, by index: that no more is found is
    // no mistake then.
    std::set<std::size_t> begun_before = {};
    std::uint64_t first_id = 0;  // of its first mini-batch, where no earlier run persisted one
  };

  static Options options_for(const JobSpec& spec, std::map<std::string, std::string> input_directories,
                             std::string output_directory, std::string data_socket = {});

  // `last`: the last mini-batch that an earlier run persisted; planning goes on behind it.
  // Errors: kNotFound or kInvalidArgument naming the input whose directory is missing, is no directory, or
  // whose glob does not compile, for any of the inputs; kCorrupt if `last` does not fit the inputs.
  static Result<std::unique_ptr<Planner>> create(Options options, const std::optional<MiniBatch>& last = {});

  // A pull iterator: ids grow by one, and nothing means the end; after it, or an error, it is not called
  // again. Errors: kNotFound for an input that has no file (or no record) at all, naming input, directory and
  // glob; kIo naming a directory that cannot be read.
  Result<std::optional<MiniBatch>> next();

  // What was left out of inputs whose listing has ended since the last call, by input and kind. Of what this
  // planner has listed.
  std::vector<PassedOver> take_passed_over() { return std::exchange(passed_over_, {}); }

 private:
  explicit Planner(Options options) : options_(std::move(options)) {}

  InputPlace place_of(const Input& input) const;
  Status begin_input(std::string start_after);
  Status resume(const MiniBatch& last);
  Error nothing_found() const;
  Error in_input(const Error& error) const;

  Options options_;
  std::optional<FileIdentity> output_;
  std::uint64_t next_id_ = 0;
  std::size_t input_ = 0;
  bool input_has_mini_batches_ = false;
  bool input_partly_ = false;  // an earlier run has listed some of them
  PassedCounts passed_;        // of the current input
  // Of the current input; without a cutter it has not begun.
  std::unique_ptr<InputFormat> format_;
  std::unique_ptr<Listing> listing_;
  std::unique_ptr<InputCutter> cutter_;
  std::vector<PassedOver> passed_over_;
};

}  // namespace parallelrun
