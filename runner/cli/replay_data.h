// The objects of one mini-batch on this machine, for as long as a script that is replayed reads them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/posix/private_directory.h"
#include "common/posix/signal_queue.h"
#include "common/result/result.h"
#include "runner/cli/data_process.h"
#include "runner/input/input_format.h"
#include "runner/job/local_resolution.h"
#include "runner/plan/mini_batch.h"
#include "runner/store/data_connection.h"

namespace parallelrun {

// Owns a data process, which has the credentials, and what it has fetched: both are gone with this object.
// SIGINT, SIGTERM and SIGHUP are blocked in this process from begin() on. One thread.
class ReplayData {
 public:
  // Makes the folder that the objects go to. Errors: kIo.
  static Result<std::unique_ptr<ReplayData>> make();

  const std::string& directory() const { return cache_.path(); }

  // Starts the data process and waits until every store was reached and all side inputs are here; from then
  // on, formats of tables find it. Sentences for people go to standard error. An exit code: it cannot, and
  // that has been said.
  std::optional<int> begin(const JobSpec& spec, const std::vector<StoreInUse>& stores);

  // Fetches what the mini-batch needs. Gives its descriptor for the worker process. Errors: those of the
  // store, as a sentence; kAborted: a signal came.
  Result<std::string> fetch(const MiniBatch& mini_batch, const Input& input, const InputFormat& format);

  // The signals that begin() has blocked; after it.
  SignalQueue& signals() { return *stop_; }

  // "NAME=value" of this process without the variables that hold the stores' credentials.
  const std::vector<std::string>& environment() const { return environment_; }

 private:
  ReplayData(PrivateDirectory cache, PrivateDirectory run_directory)
      : cache_(std::move(cache)), run_directory_(std::move(run_directory)) {}

  PrivateDirectory cache_;
  PrivateDirectory run_directory_;
  std::optional<SignalQueue> stop_;
  std::optional<DataProcess> process_;
  std::optional<DataConnection> connection_;  // what was fetched is held as long as it is open
  std::vector<std::string> environment_;
};

}  // namespace parallelrun
