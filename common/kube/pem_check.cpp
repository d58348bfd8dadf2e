#include "common/kube/pem_check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/openssl/owned.h"

namespace parallelrun::kube {
namespace {

using openssl::Bio;
using openssl::Certificate;
using openssl::Key;

// Without it OpenSSL asks for a pass phrase on the terminal.
int no_pass_phrase(char*, int, int, void*) { return -1; }

Bio reader(const std::string& pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

// The first of at least one certificate; null where one of them cannot be read.
Certificate first_certificate(const std::string& pem) {
  ERR_clear_error();
  const Bio bio = reader(pem);
  Certificate first(PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr));
  if (!first) return first;
  while (Certificate(PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr))) {
  }
  // How the reader says that there are no more.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) first.reset();
  ERR_clear_error();
  return first;
}

Error refusal(std::string message) {
  ERR_clear_error();
  return Error{ErrorCode::kInvalidArgument, std::move(message), false};
}

Error no_certificate(const std::string& origin) {
  return refusal(origin + ": no certificate can be read; PEM is expected (-----BEGIN CERTIFICATE-----)");
}

}  // namespace

Status check_authorities(const std::string& pem, const std::string& origin) {
  if (!first_certificate(pem)) return no_certificate(origin);
  return {};
}

Status check_client_pair(const std::string& certificate_pem, const std::string& certificate_origin,
                         const std::string& key_pem, const std::string& key_origin) {
  const Certificate certificate = first_certificate(certificate_pem);
  if (!certificate) return no_certificate(certificate_origin);
  const Key key(PEM_read_bio_PrivateKey(reader(key_pem).get(), nullptr, no_pass_phrase, nullptr));
  if (!key) {
    return refusal(key_origin + ": no private key can be read; PEM without a pass phrase is expected");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return refusal(key_origin + ": this private key does not belong to the certificate of " +
                   certificate_origin);
  }
  return {};
}

}  // namespace parallelrun::kube
