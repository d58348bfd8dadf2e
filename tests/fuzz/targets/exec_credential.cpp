// What a credential program writes: a credential with a token or a key pair, or a refusal that names the
// program and never quotes what may be a secret.
#include "common/kube/exec_credential.h"

#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::kube {
namespace {

FUZZ_TARGET(exec_credential) {
  ExecPlugin plugin;
  plugin.origin = "config: users[a].user.exec";
  plugin.api_version = "client.authentication.k8s.io/v1";
  plugin.command = "login";
  const auto answer = read_exec_answer(plugin, std::string(bytes));
  if (!answer.ok()) {
    const std::string& message = answer.error().message;
    HOLDS_ELSE(message, message.starts_with("config: users[a].user.exec: the output of \"login\""));
    return;
  }
  const Credential& credential = answer->credential;
  HOLDS(!credential.token.empty() || !credential.certificate_pem.empty());
  HOLDS(credential.certificate_pem.empty() == credential.key_pem.empty());
  if (answer->expires) HOLDS(*answer->expires >= WallTime{});
}

}  // namespace
}  // namespace parallelrun::kube
