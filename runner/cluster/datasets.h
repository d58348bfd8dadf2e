// The registered datasets of a namespace, for the verbs of the command line. Every call blocks; `stop` ends
// it (kAborted). Errors are one line for the user, with the way out (plain_error.h). [Dataset.register]
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "common/spec/dataset.h"
#include "common/spec/dataset_registration.h"
#include "runner/cluster/connection.h"

namespace parallelrun::cluster {

class Datasets {
 public:
  // `connection` outlives it.
  Datasets(Connection& connection, std::stop_token stop) : connection_(connection), stop_(std::move(stop)) {}

  const std::string& name_space() const { return connection_.name_space(); }

  struct Listed {
    std::vector<Dataset> datasets;  // by name
    std::vector<Error> broken;      // those that cannot be read
  };
  Result<Listed> list();
  // kNotFound: the message has the names that are near. kCorrupt: it is of another form than ours.
  Result<Dataset> get(const std::string& name);

  // Somebody else may register at the same time: versions that were written meanwhile are looked at again.
  // Errors: those of register_versions() and get(); kConflict also where that never ends.
  Result<Registration> add(const Dataset& dataset);
  // Created now, where the version does not say when.
  Result<Registration> add(NewVersion version);

 private:
  using Change = std::function<Result<Registration>(const Dataset* there)>;
  Result<Registration> change(const std::string& name, const Change& change);
  Status write(const nlohmann::json* there, const Registration& registration);
  Error plain(const kube::ApiError& error, const char* verb, const std::string& name) const;

  Connection& connection_;
  std::stop_token stop_;
};

}  // namespace parallelrun::cluster
