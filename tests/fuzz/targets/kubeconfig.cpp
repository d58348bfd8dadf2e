// A kubeconfig file: refused with a message that names it, or read so that reading it again changes nothing.
// Its fields are read as any type without trouble.

#include "common/json/json.h"
#include "common/kube/kubeconfig_fields.h"
#include "common/kube/kubeconfig_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::kube {
namespace {

std::size_t entries_of(const Kubeconfig& config) {
  return config.clusters.size() + config.users.size() + config.contexts.size();
}

void read_fields(const KubeconfigEntry& entry) {
  HOLDS(entry.fields.is_object());
  KubeconfigFields fields(entry);
  for (const char* name : {"server", "token", "user", "cluster", "namespace", "proxy-url"}) fields.text(name);
  for (const char* name : {"certificate-authority", "client-key", "tokenFile"}) {
    const std::string path = fields.path(name);
    HOLDS_ELSE(path, path.empty() || path.starts_with('/'));
  }
  for (const char* name : {"certificate-authority-data", "client-key-data"}) fields.data(name);
  fields.flag("insecure-skip-tls-verify");
  const nlohmann::json exec = fields.value("exec");
  KubeconfigFields plugin(exec, entry.file, entry.field + ".exec");
  plugin.texts("args");
  plugin.each("env", [](KubeconfigFields& variable) {
    variable.text("name");
    variable.text("value");
  });
  for (const auto& problem : {fields.problem(), plugin.problem()}) {
    if (problem) HOLDS_ELSE(problem->message, problem->message.starts_with("/home/config"));
  }
}

FUZZ_TARGET(kubeconfig) {
  Kubeconfig config;
  const Status added = add_kubeconfig(std::string(bytes), "/home/config", config);
  if (!added.ok()) {
    HOLDS_ELSE(added.error().message, added.error().message.starts_with("/home/config"));
    return;
  }
  const std::size_t entries = entries_of(config);
  const std::string current = config.current_context;
  HOLDS(add_kubeconfig(std::string(bytes), "/home/config", config).ok());
  HOLDS(entries_of(config) == entries && config.current_context == current);
  for (const auto* map : {&config.clusters, &config.users, &config.contexts}) {
    for (const auto& [name, entry] : *map) read_fields(entry);
  }
}

}  // namespace
}  // namespace parallelrun::kube
