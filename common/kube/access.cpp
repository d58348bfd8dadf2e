#include "common/kube/access.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/kube/file_credential.h"
#include "common/kube/in_cluster.h"
#include "common/kube/kubeconfig_fields.h"
#include "common/kube/kubeconfig_file.h"
#include "common/kube/kubeconfig_user.h"
#include "common/kube/pem_check.h"
#include "common/openssl/base64.h"
#include "common/result/try.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

AccessOptions completed(AccessOptions options) {
  if (!options.environment) options.environment = [](const char* name) { return std::getenv(name); };
  if (!options.wall_clock) options.wall_clock = [] { return std::chrono::system_clock::now(); };
  return options;
}

std::string variable(const AccessOptions& options, const char* name) {
  const char* value = options.environment(name);
  return value == nullptr ? "" : value;
}

// $HOME/.kube/config, or empty without a HOME.
std::string home_file(const AccessOptions& options) {
  const std::string home = variable(options, "HOME");
  return home.empty() ? home : home + "/.kube/config";
}

bool exists(const std::string& path) {
  std::error_code problem;
  return !path.empty() && std::filesystem::exists(path, problem);
}

Status add_file(const std::string& path, Kubeconfig& into) {
  errno = 0;
  const auto text = file_text(path);
  if (!text) {
    const std::string reason = errno == 0 ? "not a file" : std::strerror(errno);
    return Error{ErrorCode::kNotFound, path + ": cannot be read: " + reason, false};
  }
  return add_kubeconfig(*text, path, into);
}

Result<Kubeconfig> load(const AccessOptions& options) {
  Kubeconfig result;
  const std::string list = variable(options, "KUBECONFIG");
  if (!options.kubeconfig.empty()) {
    RETURN_IF_ERROR(add_file(options.kubeconfig, result));
    return result;
  }
  std::string searched = list.empty() ? home_file(options) : list;
  for (std::size_t begin = 0; begin <= searched.size();) {
    const auto end = std::min(searched.find(':', begin), searched.size());
    const std::string path = searched.substr(begin, end - begin);
    begin = end + 1;
    if (!exists(path)) continue;
    RETURN_IF_ERROR(add_file(path, result));
  }
  if (result.files.empty()) {
    return Error{ErrorCode::kNotFound,
                 list.empty() ? "no kubeconfig file: " +
                                    (searched.empty() ? "HOME is not set" : searched + " does not exist") +
                                    "; name one in KUBECONFIG"
                              : "KUBECONFIG=" + list + ": no such file; correct or unset it",
                 false};
  }
  return result;
}

std::string names_of(const std::map<std::string, KubeconfigEntry>& entries) {
  std::string result;
  for (const auto& [name, entry] : entries) result += (result.empty() ? "" : ", ") + name;
  return result.empty() ? "none" : result;
}

std::string files_of(const Kubeconfig& config) {
  std::string result;
  for (const std::string& file : config.files) result += (result.empty() ? "" : ":") + file;
  return result;
}

Result<const KubeconfigEntry*> context_of(const Kubeconfig& config, const std::string& wish) {
  const std::string name = wish.empty() ? config.current_context : wish;
  const std::string known = "the file has the contexts: " + names_of(config.contexts);
  if (name.empty()) {
    return Error{ErrorCode::kNotFound,
                 files_of(config) +
                     ": current-context is not set; name a context or set it by `kubectl "
                     "config use-context NAME`; " +
                     known,
                 false};
  }
  const auto found = config.contexts.find(name);
  if (found != config.contexts.end()) return &found->second;
  return Error{ErrorCode::kNotFound,
               files_of(config) + (wish.empty() ? ": current-context: " : ": ") + "there is no context \"" +
                   name + "\"; " + known,
               false};
}

Result<const KubeconfigEntry*> referred(const KubeconfigEntry& context, KubeconfigFields& fields,
                                        const char* field,
                                        const std::map<std::string, KubeconfigEntry>& entries) {
  const std::string name = fields.text(field);
  if (fields.problem()) return *fields.problem();
  const auto found = entries.find(name);
  if (found != entries.end()) return &found->second;
  return Error{ErrorCode::kNotFound,
               context.origin() + "." + field + ": there is no " + field + " \"" + name +
                   "\"; there are: " + names_of(entries),
               false};
}

Result<std::string> authorities(KubeconfigFields& cluster, bool skip_verify) {
  std::string pem = cluster.data("certificate-authority-data");
  std::string origin = cluster.origin("certificate-authority-data");
  if (pem.empty() && cluster.has("certificate-authority")) {
    const std::string path = cluster.path("certificate-authority");
    if (cluster.problem()) return *cluster.problem();
    const auto text = file_text(path);
    origin = cluster.origin("certificate-authority") + ": " + path;
    if (!text) return Error{ErrorCode::kNotFound, origin + " cannot be read", false};
    pem = *text;
  }
  if (cluster.problem()) return *cluster.problem();
  if (pem.empty()) return pem;
  if (skip_verify) {
    return Error{ErrorCode::kInvalidArgument,
                 origin + ": contradicts insecure-skip-tls-verify; delete one of them", false};
  }
  RETURN_IF_ERROR(check_authorities(pem, origin));
  return pem;
}

Result<ClusterAddress> address_of(const KubeconfigEntry& entry, const AccessOptions& options) {
  KubeconfigFields cluster(entry);
  ClusterAddress address;
  const std::string server = cluster.text("server");
  const auto url = parse_url(server.find("://") == std::string::npos ? "http://" + server : server);
  if (!url || (url->scheme != "https" && url->scheme != "http") || !url->user.empty()) {
    cluster.refuse(ErrorCode::kInvalidArgument, "server",
                   "is \"" + server + "\", but must be of the form https://HOST[:PORT]");
  } else if (url->ipv6()) {
    cluster.refuse(ErrorCode::kUnsupported, "server",
                   "is \"" + server +
                       "\": IPv6 addresses are not supported here; give the address a name that the server's "
                       "certificate contains (for example in /etc/hosts), or set tls-server-name");
  }
  address.skip_verify = cluster.flag("insecure-skip-tls-verify");
  address.tls_server_name = cluster.text("tls-server-name");
  const std::string proxy = cluster.text("proxy-url");
  if (cluster.problem()) return *cluster.problem();
  address.url = url->text();
  ASSIGN_OR_RETURN(address.ca_pem, authorities(cluster, address.skip_verify));
  ASSIGN_OR_RETURN(address.proxy_url, proxy.empty() ? proxy_from_environment(*url, options.environment)
                                                    : checked_proxy(proxy, cluster.origin("proxy-url")));
  return address;
}

// The cluster as an exec plugin is told of it: the fields of the entry, with the authorities in the text.
Result<json> exec_cluster(const KubeconfigEntry& entry, const std::string& ca_pem) {
  KubeconfigFields fields(entry);
  json result = json::object();
  for (const char* name :
       {"server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "disable-compression"}) {
    if (fields.has(name)) result[name] = fields.value(name);
  }
  if (!ca_pem.empty()) result["certificate-authority-data"] = base64(ca_pem);
  fields.each("extensions", [&](KubeconfigFields& item) {
    if (item.text("name") == "client.authentication.k8s.io/exec") result["config"] = item.value("extension");
  });
  if (fields.problem()) return *fields.problem();
  return result;
}

}  // namespace

Result<ClusterAccess> kubeconfig_access(const AccessOptions& wishes) {
  const AccessOptions options = completed(wishes);
  ASSIGN_OR_RETURN(const Kubeconfig config, load(options));
  ASSIGN_OR_RETURN(const KubeconfigEntry* const context, context_of(config, options.context));
  KubeconfigFields fields(*context);
  ASSIGN_OR_RETURN(const KubeconfigEntry* const cluster,
                   referred(*context, fields, "cluster", config.clusters));
  ClusterAccess access;
  ASSIGN_OR_RETURN(access.address, address_of(*cluster, options));
  const KubeconfigEntry nobody{json::object(), context->file, context->field};
  const KubeconfigEntry* user = &nobody;  // a context without a user is an anonymous one
  if (fields.has("user")) {
    ASSIGN_OR_RETURN(user, referred(*context, fields, "user", config.users));
  }
  ASSIGN_OR_RETURN(const json told, exec_cluster(*cluster, access.address.ca_pem));
  ASSIGN_OR_RETURN(access.credentials, kubeconfig_credentials(*user, told, options));
  const std::string name_space = fields.text("namespace");
  if (fields.problem()) return *fields.problem();
  if (!name_space.empty()) access.name_space = name_space;
  return access;
}

Result<ClusterAccess> default_access(const AccessOptions& wishes) {
  const AccessOptions options = completed(wishes);
  if (!options.kubeconfig.empty() || !options.context.empty() || !variable(options, "KUBECONFIG").empty()) {
    return kubeconfig_access(options);
  }
  auto pod = in_cluster_access(options.environment, options.service_account_folder);
  if (pod.ok()) {
    const auto url = parse_url(pod->address.url);
    ASSIGN_OR_RETURN(pod->address.proxy_url, url ? proxy_from_environment(*url, options.environment)
                                                 : Result<std::string>(std::string()));
    return pod;
  }
  if (exists(home_file(options))) return kubeconfig_access(options);
  if (!variable(options, "KUBERNETES_SERVICE_HOST").empty()) return pod;
  return Error{ErrorCode::kNotFound,
               "no access to a cluster: KUBECONFIG is not set, this is not a pod, and there is no "
               "$HOME/.kube/config; name a kubeconfig file by KUBECONFIG",
               false};
}

}  // namespace parallelrun::kube
