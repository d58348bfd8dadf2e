#include "common/kube/file_credential.h"

#include <array>
#include <fstream>
#include <utility>

#include "common/kube/pem_check.h"

namespace parallelrun::kube {
namespace {

constexpr Duration kAge = std::chrono::minutes(1);

}  // namespace

std::optional<std::string> file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return std::nullopt;
  std::string text;
  std::array<char, 4096> bytes;  // NOLINT(*-member-init): filled by read
  do {
    file.read(bytes.data(), bytes.size());
    text.append(bytes.data(), static_cast<std::size_t>(file.gcount()));
  } while (file);
  // An iterator over the buffer would throw where `path` is a folder.
  if (file.bad()) return std::nullopt;
  return text;
}

FileCredential::FileCredential(Credential fixed, CredentialFiles files, std::string origin)
    : fixed_(std::move(fixed)), files_(std::move(files)), origin_(std::move(origin)) {}

Result<Credential> FileCredential::current(Time now) {
  const std::lock_guard lock(mutex_);
  if (!read_at_ || now - *read_at_ >= kAge) {
    auto credential = read();
    if (credential.ok()) {
      last_ = std::move(credential).value();
      read_at_ = now;
    } else if (!last_) {
      return credential.error();
    }
  }
  return *last_;
}

void FileCredential::rejected() {
  const std::lock_guard lock(mutex_);
  read_at_.reset();
}

Result<Credential> FileCredential::read() const {
  Credential result = fixed_;
  const auto fill = [&](std::string& part, const std::string& path) {
    if (path.empty()) return true;
    const auto text = file_text(path);
    if (text) part = *text;
    return text.has_value();
  };
  const auto unreadable = [&](const std::string& path) {
    return Error{ErrorCode::kNotFound, origin_ + ": " + path + " cannot be read", true};
  };
  if (!fill(result.certificate_pem, files_.certificate)) return unreadable(files_.certificate);
  if (!fill(result.key_pem, files_.key)) return unreadable(files_.key);
  if (!fill(result.token, files_.token)) return unreadable(files_.token);
  result.token.erase(result.token.find_last_not_of(" \t\r\n") + 1);
  if (!files_.token.empty() && result.token.empty()) {
    return Error{ErrorCode::kNotFound, origin_ + ": " + files_.token + " contains no token", true};
  }
  if (!result.certificate_pem.empty()) {
    const auto pair = check_client_pair(
        result.certificate_pem,
        files_.certificate.empty() ? origin_ + ".client-certificate-data" : files_.certificate,
        result.key_pem, files_.key.empty() ? origin_ + ".client-key-data" : files_.key);
    if (!pair.ok()) return pair.error();
  }
  return result;
}

}  // namespace parallelrun::kube
