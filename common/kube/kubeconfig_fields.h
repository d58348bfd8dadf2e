// Typed reading of one kubeconfig entry. Internal to kubeconfig.cpp and kubeconfig_user.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/json/json.h"
#include "common/kube/kubeconfig_file.h"
#include "common/result/result.h"

namespace parallelrun::kube {

// Reads fields of a map; the first thing that is wrong is kept and told at the end, so that reading needs no
// branch for each field. What is missing, and what is null, reads as empty.
class KubeconfigFields {
 public:
  KubeconfigFields(const nlohmann::json& fields, std::string file, std::string field);
  explicit KubeconfigFields(const KubeconfigEntry& entry)
      : KubeconfigFields(entry.fields, entry.file, entry.field) {}

  bool has(const char* name) const;
  std::string text(const char* name);
  bool flag(const char* name);
  // Base64, decoded.
  std::string data(const char* name);
  // A path; relative ones are meant from the folder of the file.
  std::string path(const char* name);
  // The member as it is; null where there is none.
  nlohmann::json value(const char* name) const;
  // Calls `each` for the members of a list of maps.
  void each(const char* name, const std::function<void(KubeconfigFields&)>& each);
  // A list of text.
  std::vector<std::string> texts(const char* name);

  void refuse(ErrorCode code, const std::string& name, const std::string& rule);
  const std::optional<Error>& problem() const { return problem_; }
  std::string origin(const std::string& name = "") const;
  std::string beside_file(const std::string& path) const;

 private:
  const nlohmann::json& fields_;
  const std::string file_;
  const std::string field_;
  std::optional<Error> problem_;
};

}  // namespace parallelrun::kube
