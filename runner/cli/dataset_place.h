// Where the verbs of `parallelrun datasets` find registered datasets: the folder of this machine, or the
// namespace of a cluster.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/spec/dataset.h"
#include "common/spec/dataset_registration.h"
#include "runner/cluster/connection.h"

namespace parallelrun {

class DatasetPlace {
 public:
  virtual ~DatasetPlace() = default;

  struct Listed {
    std::vector<Dataset> datasets;  // by name
    std::vector<Error> broken;      // those that cannot be read
  };
  virtual Result<Listed> list() = 0;
  // Errors: kNotFound, kCorrupt, kIo and what a cluster answers.
  virtual Result<Dataset> read(const std::string& name) = 0;
  virtual Result<Registration> add(const Dataset& dataset) = 0;
  virtual Result<Registration> add(NewVersion version) = 0;

  virtual Place rules() const = 0;  // by which datasets are read that are to be registered
  // "the folder '/home/a/datasets'", "the namespace 'team'".
  virtual std::string in_words() const = 0;
  virtual std::string how_to_register() const = 0;  // "NAME --path FOLDER"
  // {"folder": ...} or {"namespace": ...}, for programs.
  virtual std::pair<std::string, std::string> as_member() const = 0;
};

std::unique_ptr<DatasetPlace> dataset_folder_place(const std::string& given_folder);
// Null: there is no cluster to speak to, and that has been printed.
std::unique_ptr<DatasetPlace> dataset_cluster_place(const cluster::ClusterChoice& choice);

}  // namespace parallelrun
