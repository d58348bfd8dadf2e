// The registered datasets of one machine: a folder with a file NAME.yaml for each, in the form of the
// resource ParallelRunDataset. The SDK's workspaces have such a folder too.
// [Dataset.register, Dataset.get_by_name]
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/spec/dataset.h"
#include "common/spec/dataset_registration.h"

namespace parallelrun {

// `given` (of --datasets), else $PARALLELRUN_DATASETS, else $XDG_DATA_HOME/parallelrun/datasets, else
// ~/.local/share/parallelrun/datasets. Empty: there is no home directory.
std::string dataset_folder_path(std::string_view given);

class DatasetFolder {
 public:
  // It need not exist.
  explicit DatasetFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // Names in bytewise order; none where there is no folder. Errors: kIo.
  Result<std::vector<std::string>> names() const;

  // With absolute `local` paths. Errors: kNotFound (the message names the nearest, and says how to register
  // it), kCorrupt (the file is no dataset of that name; the message has the file and what is wrong), kIo.
  Result<Dataset> read(const std::string& name) const;

  // Several processes may register at once. A file is the old or the new one, also after a crash. Errors:
  // kConflict (another type; a version that is there with other data), kInvalidArgument, kIo, and those of
  // read().

  // The versions of `dataset`, with the numbers that they have.
  Result<Registration> add(const Dataset& dataset) const;
  // A version with the number after the newest one; created now, where it does not say when.
  Result<Registration> add(NewVersion version) const;

 private:
  std::string file_of(const std::string& name) const;
  Result<Dataset> read_file(const std::string& name) const;
  Status write(const Dataset& dataset) const;
  Result<Registration> change(const std::string& name,
                              const std::function<Result<Registration>(const Dataset* there)>& change) const;

  std::string path_;
};

}  // namespace parallelrun
