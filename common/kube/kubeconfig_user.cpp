#include "common/kube/kubeconfig_user.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/kube/exec_credential.h"
#include "common/kube/file_credential.h"
#include "common/kube/kubeconfig_fields.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;
using Source = std::shared_ptr<CredentialSource>;

constexpr const char* kExecV1 = "client.authentication.k8s.io/v1";
constexpr const char* kExecV1Beta1 = "client.authentication.k8s.io/v1beta1";

// What must not be passed over in silence: it would mean other rights, or a login that fails without a
// reason.
void refuse_unsupported(KubeconfigFields& user) {
  const auto refuse = [&](const char* name, const std::string& rule) {
    if (user.has(name)) user.refuse(ErrorCode::kUnsupported, name, rule);
  };
  const std::string basic =
      "basic authentication was removed from Kubernetes 1.19; use a client certificate, a token or exec";
  refuse("username", basic);
  refuse("password", basic);
  refuse("auth-provider",
         "was removed from Kubernetes 1.26; use the exec plugin of that provider (such as "
         "gke-gcloud-auth-plugin "
         "or kubelogin)");
  for (const char* name : {"as", "as-uid", "as-groups", "as-user-extra"}) {
    refuse(name, "impersonation is not supported; use credentials of that user");
  }
}

// The process's environment with `own` in place of what has the same name.
std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& own) {
  std::vector<std::string> result;
  const auto replaced = [&](const std::string& entry) {
    const std::string name = entry.substr(0, entry.find('='));
    return name == "KUBERNETES_EXEC_INFO" ||
           std::any_of(own.begin(), own.end(), [&](const auto& variable) { return variable.first == name; });
  };
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (!replaced(*entry)) result.emplace_back(*entry);
  }
  for (const auto& [name, value] : own) {
    result.push_back(name);
    result.back().append("=").append(value);
  }
  return result;
}

Result<Source> exec_source(const KubeconfigEntry& user, const json& cluster, const AccessOptions& options) {
  const json fields = user.fields.at("exec");
  if (!fields.is_object()) {
    return Error{ErrorCode::kInvalidArgument, user.origin() + ".exec: must be a map", false};
  }
  KubeconfigFields exec(fields, user.file, user.field + ".exec");
  ExecPlugin plugin;
  plugin.origin = exec.origin();
  plugin.api_version = exec.text("apiVersion");
  if (plugin.api_version != kExecV1 && plugin.api_version != kExecV1Beta1) {
    exec.refuse(ErrorCode::kUnsupported, "apiVersion",
                "is \"" + plugin.api_version + "\", but must be " + kExecV1 + " or " + kExecV1Beta1 +
                    "; update the plugin and this entry");
  }
  plugin.command = exec.text("command");
  if (plugin.command.empty()) {
    exec.refuse(ErrorCode::kInvalidArgument, "command", "must name the program to run");
  } else if (plugin.command.find('/') != std::string::npos) {
    plugin.command = exec.beside_file(plugin.command);
  }
  const std::string mode = exec.text("interactiveMode");
  if (mode == "Always") {
    exec.refuse(ErrorCode::kUnsupported, "interactiveMode",
                "is Always, but this program has no terminal; use a credential that needs no input");
  } else if (!mode.empty() && mode != "Never" && mode != "IfAvailable") {
    exec.refuse(ErrorCode::kInvalidArgument, "interactiveMode",
                "is \"" + mode + "\", but must be Never, IfAvailable or Always");
  }
  plugin.arguments = exec.texts("args");
  std::vector<std::pair<std::string, std::string>> variables;
  exec.each("env", [&](KubeconfigFields& item) {
    const std::string name = item.text("name");
    if (name.empty() || name.find('=') != std::string::npos) {
      item.refuse(ErrorCode::kInvalidArgument, "name", "must be the name of a variable");
    }
    variables.emplace_back(name, item.text("value"));
  });
  plugin.environment = environment_with(variables);
  plugin.install_hint = exec.text("installHint");
  if (exec.flag("provideClusterInfo")) plugin.cluster = cluster;
  plugin.time_limit = options.exec_time_limit;
  if (exec.problem()) return *exec.problem();
  return Source(std::make_shared<ExecCredential>(std::move(plugin), options.wall_clock));
}

// The PEM text, or the file that has it; the text counts where both are there.
void read_part(KubeconfigFields& user, const char* name, std::string& text, std::string& path) {
  const std::string data = std::string(name) + "-data";
  text = user.data(data.c_str());
  if (text.empty()) path = user.path(name);
}

}  // namespace

Result<Source> kubeconfig_credentials(const KubeconfigEntry& entry, const json& cluster,
                                      const AccessOptions& options) {
  KubeconfigFields user(entry);
  refuse_unsupported(user);
  Credential fixed;
  CredentialFiles files;
  files.token = user.path("tokenFile");
  fixed.token = files.token.empty() ? user.text("token") : std::string();
  read_part(user, "client-certificate", fixed.certificate_pem, files.certificate);
  read_part(user, "client-key", fixed.key_pem, files.key);
  const bool certificate = !fixed.certificate_pem.empty() || !files.certificate.empty();
  const bool key = !fixed.key_pem.empty() || !files.key.empty();
  if (certificate != key) {
    user.refuse(ErrorCode::kInvalidArgument, certificate ? "client-key" : "client-certificate",
                "is missing: client-certificate and client-key (or -data of them) go together");
  }
  if (user.problem()) return *user.problem();
  // As in client-go, what stands in the file itself goes before the program.
  const bool own = certificate || !fixed.token.empty() || !files.token.empty();
  if (!own && user.has("exec")) return exec_source(entry, cluster, options);
  auto source = std::make_shared<FileCredential>(std::move(fixed), std::move(files), entry.origin());
  const auto tried = source->current(std::chrono::steady_clock::now());
  if (!tried.ok()) return tried.error();
  return Source(std::move(source));
}

}  // namespace parallelrun::kube
