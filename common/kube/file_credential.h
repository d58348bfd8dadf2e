// A token or a client certificate from files that somebody may replace.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "common/kube/credential.h"

namespace parallelrun::kube {

// All of the file, or nothing where it cannot be read.
std::optional<std::string> file_text(const std::string& path);

// Where each part of a credential is read from; an empty path means that `fixed` has it.
struct CredentialFiles {
  std::string token;
  std::string certificate;
  std::string key;
};

// Files are read again after a minute and after a 401. While one cannot be read, or certificate and key do
// not belong together (they are being replaced), the last ones that could be used are.
class FileCredential final : public CredentialSource {
 public:
  // `origin` names the credential in messages.
  FileCredential(Credential fixed, CredentialFiles files, std::string origin);
  Result<Credential> current(Time now) override;
  void rejected() override;

 private:
  Result<Credential> read() const;

  const Credential fixed_;
  const CredentialFiles files_;
  const std::string origin_;
  std::mutex mutex_;
  std::optional<Credential> last_;
  std::optional<Time> read_at_;
};

}  // namespace parallelrun::kube
