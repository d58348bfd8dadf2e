#include "runner/cli/dataset_place.h"

#include <fmt/format.h>

#include <utility>

#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cluster/datasets.h"
#include "runner/dataset/dataset_folder.h"

namespace parallelrun {
namespace {

class FolderPlace final : public DatasetPlace {
 public:
  explicit FolderPlace(std::string path) : folder_(std::move(path)) {}

  Result<Listed> list() override {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, folder_.names());
    Listed listed;
    for (const std::string& name : names) {
      Result<Dataset> dataset = folder_.read(name);
      if (dataset) {
        listed.datasets.push_back(std::move(*dataset));
      } else {
        listed.broken.push_back(dataset.error());
      }
    }
    return listed;
  }
  Result<Dataset> read(const std::string& name) override { return folder_.read(name); }
  Result<Registration> add(const Dataset& dataset) override { return folder_.add(dataset); }
  Result<Registration> add(NewVersion version) override { return folder_.add(std::move(version)); }

  Place rules() const override { return Place::kAnywhere; }
  std::string in_words() const override { return fmt::format("'{}'", presentable(folder_.path())); }
  std::string how_to_register() const override { return "NAME --path FOLDER"; }
  std::pair<std::string, std::string> as_member() const override { return {"folder", folder_.path()}; }

 private:
  const DatasetFolder folder_;
};

class ClusterPlace final : public DatasetPlace {
 public:
  explicit ClusterPlace(std::unique_ptr<cluster::Connection> connection)
      : connection_(std::move(connection)), datasets_(*connection_, {}) {}

  Result<Listed> list() override {
    auto listed = datasets_.list();
    if (!listed) return listed.error();
    return Listed{std::move(listed->datasets), std::move(listed->broken)};
  }
  Result<Dataset> read(const std::string& name) override { return datasets_.get(name); }
  Result<Registration> add(const Dataset& dataset) override { return datasets_.add(dataset); }
  Result<Registration> add(NewVersion version) override { return datasets_.add(std::move(version)); }

  Place rules() const override { return Place::kCluster; }
  std::string in_words() const override {
    return fmt::format("the namespace '{}'", presentable(connection_->name_space()));
  }
  std::string how_to_register() const override {
    return fmt::format("NAME -n {} --claim CLAIM/FOLDER", presentable(connection_->name_space()));
  }
  std::pair<std::string, std::string> as_member() const override {
    return {"namespace", connection_->name_space()};
  }

 private:
  const std::unique_ptr<cluster::Connection> connection_;
  cluster::Datasets datasets_;
};

}  // namespace

std::unique_ptr<DatasetPlace> dataset_folder_place(const std::string& given_folder) {
  return std::make_unique<FolderPlace>(dataset_folder_path(given_folder));
}

std::unique_ptr<DatasetPlace> dataset_cluster_place(const cluster::ClusterChoice& choice) {
  auto connection = connect(choice);
  if (!connection) return nullptr;
  return std::make_unique<ClusterPlace>(std::move(connection));
}

}  // namespace parallelrun
