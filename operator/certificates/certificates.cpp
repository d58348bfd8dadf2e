#include "operator/certificates/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "common/openssl/owned.h"

namespace parallelrun::op {
namespace {

using openssl::Certificate;
using openssl::Key;
using Extension = openssl::Owned<X509_EXTENSION, X509_EXTENSION_free>;
using Memory = openssl::Bio;

constexpr std::chrono::hours kClocksDiffer{1};
constexpr std::chrono::days kLifetime{3652};
constexpr std::size_t kLongestCommonName = 64;  // RFC 5280, ub-common-name

Error failed(const char* doing) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return Error{ErrorCode::kIo, std::string(doing) + " failed: " + text.data(), true};
}

bool is_dns_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), allowed);
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's strings are unsigned
  const auto* bytes = reinterpret_cast<const unsigned char*>(value.data());
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, bytes, static_cast<int>(value.size()), -1,
                                    0) == 1;
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  // 126 random bits: positive, and unlike any other certificate's.
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3fU) | 0x40U);
  const openssl::Owned<BIGNUM, BN_free> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

struct Subject {
  std::string organization, common_name;
  std::string alternative_names;   // as OpenSSL's configuration has them; empty: none
  std::string extended_key_usage;  // empty: an authority
};

// `issuer` null: signed by itself.
Certificate make_certificate(const Subject& subject, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                             std::chrono::sys_seconds now) {
  Certificate certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_serial(certificate.get())) {
    return nullptr;
  }
  const auto begin = std::chrono::system_clock::to_time_t(now - kClocksDiffer);
  const auto end = std::chrono::system_clock::to_time_t(now + kLifetime);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509* signer = issuer == nullptr ? certificate.get() : issuer;
  const bool authority = subject.extended_key_usage.empty();
  const bool named = ASN1_TIME_set(X509_getm_notBefore(certificate.get()), begin) != nullptr &&
                     ASN1_TIME_set(X509_getm_notAfter(certificate.get()), end) != nullptr &&
                     add_name(name, "O", subject.organization) && add_name(name, "CN", subject.common_name) &&
                     X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer)) == 1 &&
                     X509_set_pubkey(certificate.get(), key) == 1;
  if (!named) return nullptr;
  X509* own = certificate.get();
  const bool extended =
      extend(own, signer, NID_basic_constraints,
             authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
      extend(own, signer, NID_key_usage, authority ? "critical,keyCertSign" : "critical,digitalSignature") &&
      extend(own, signer, NID_subject_key_identifier, "hash") &&
      extend(own, signer, NID_authority_key_identifier, "keyid:always") &&
      (authority || extend(own, signer, NID_ext_key_usage, subject.extended_key_usage)) &&
      (subject.alternative_names.empty() ||
       extend(own, signer, NID_subject_alt_name, subject.alternative_names));
  if (!extended || X509_sign(own, issuer_key == nullptr ? key : issuer_key, EVP_sha256()) == 0)
    return nullptr;
  return certificate;
}

std::string contents(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return size <= 0 ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

std::string pem_of(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (!memory || PEM_write_bio_X509(memory.get(), certificate) != 1) return {};
  return contents(memory.get());
}

std::string pem_of(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_secmem()));
  if (!memory ||
      PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return {};
  }
  return contents(memory.get());
}

Memory reading(const std::string& pem) {
  return Memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Result<CertifiedKey> certify(const Subject& subject, X509* authority, EVP_PKEY* authority_key,
                             std::chrono::sys_seconds now) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return failed("making a key");
  const Certificate certificate = make_certificate(subject, key.get(), authority, authority_key, now);
  if (!certificate) return failed("making a certificate");
  CertifiedKey made{.certificate_pem = pem_of(certificate.get()), .key_pem = pem_of(key.get())};
  if (made.certificate_pem.empty() || made.key_pem.empty()) return failed("writing a certificate");
  return made;
}

}  // namespace

struct JobAuthority::Parts {
  Certificate certificate;
  Key key;
  CertifiedKey stored;
};

JobAuthority::JobAuthority(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
JobAuthority::~JobAuthority() = default;
JobAuthority::JobAuthority(JobAuthority&& other) noexcept = default;
JobAuthority& JobAuthority::operator=(JobAuthority&& other) noexcept = default;
const CertifiedKey& JobAuthority::stored() const { return parts_->stored; }

Result<JobAuthority> JobAuthority::make(const std::string& job, std::chrono::sys_seconds now) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return failed("making the authority's key");
  const Certificate certificate = make_certificate({.organization = "parallelrun",
                                                    .common_name = job.substr(0, kLongestCommonName),
                                                    .alternative_names = "",
                                                    .extended_key_usage = ""},
                                                   key.get(), nullptr, nullptr, now);
  if (!certificate) return failed("making the authority's certificate");
  return read({.certificate_pem = pem_of(certificate.get()), .key_pem = pem_of(key.get())});
}

Result<JobAuthority> JobAuthority::read(const CertifiedKey& stored) {
  auto parts = std::make_unique<Parts>();
  parts->stored = stored;
  parts->certificate.reset(
      PEM_read_bio_X509(reading(stored.certificate_pem).get(), nullptr, nullptr, nullptr));
  parts->key.reset(PEM_read_bio_PrivateKey(reading(stored.key_pem).get(), nullptr, nullptr, nullptr));
  const bool fit = parts->certificate && parts->key &&
                   X509_check_private_key(parts->certificate.get(), parts->key.get()) == 1;
  ERR_clear_error();
  if (fit) return JobAuthority(std::move(parts));
  return Error{ErrorCode::kCorrupt, "the job's authority is not a certificate and its key", false};
}

Result<CertifiedKey> JobAuthority::certify_orchestrator(const std::string& job,
                                                        const std::string& service_host,
                                                        std::chrono::sys_seconds now) const {
  if (!is_dns_name(service_host)) {
    return Error{ErrorCode::kInvalidArgument, "'" + service_host + "' is not a DNS name", false};
  }
  return certify({.organization = "orchestrator",
                  .common_name = job.substr(0, kLongestCommonName),
                  .alternative_names = "DNS:" + service_host,
                  .extended_key_usage = "serverAuth,clientAuth"},
                 parts_->certificate.get(), parts_->key.get(), now);
}

Result<CertifiedKey> JobAuthority::certify_worker(const std::string& agent,
                                                  std::chrono::sys_seconds now) const {
  if (agent.empty() || agent.size() > kLongestCommonName) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + agent + "' is not a valid name for a worker's certificate", false};
  }
  // Not for a server: a worker's key must not pass as the orchestrator.
  return certify({.organization = "worker",
                  .common_name = agent,
                  .alternative_names = "",
                  .extended_key_usage = "clientAuth"},
                 parts_->certificate.get(), parts_->key.get(), now);
}

bool wears_out(const std::string& certificate_pem, std::chrono::sys_seconds now) {
  constexpr std::chrono::days kLeft{365};
  const Certificate certificate(PEM_read_bio_X509(reading(certificate_pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) return true;
  std::time_t then = std::chrono::system_clock::to_time_t(now + kLeft);
  // 1: it ends later.
  return X509_cmp_time(X509_get0_notAfter(certificate.get()), &then) != 1;
}

}  // namespace parallelrun::op
