// A self-signed certificate with its key, made on the spot.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

namespace parallelrun::kube {

struct TestCertificate {
  std::string certificate_pem;
  std::string key_pem;
};

inline std::string text_of_bio(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

// With a pass phrase the key is encrypted by it.
inline TestCertificate make_test_certificate(const char* pass_phrase = nullptr) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  TestCertificate result;
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, certificate);
  result.certificate_pem = text_of_bio(out);
  out = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(
      out, key, pass_phrase == nullptr ? nullptr : EVP_aes_256_cbc(), pass_phrase,
      pass_phrase == nullptr ? 0 : static_cast<int>(std::string(pass_phrase).size()), nullptr, nullptr);
  result.key_pem = text_of_bio(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return result;
}

inline std::string base64_of(const std::string& bytes) {
  std::string result((bytes.size() + 2) / 3 * 4 + 1, '\0');
  result.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(result.data()),
                                                         reinterpret_cast<const unsigned char*>(bytes.data()),
                                                         static_cast<int>(bytes.size()))));
  return result;
}

}  // namespace parallelrun::kube
