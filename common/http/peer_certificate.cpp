#include "common/http/peer_certificate.h"

#include <openssl/x509.h>

#include <memory>
#include <string>

namespace parallelrun {
namespace {

std::string field_of(const X509_NAME* name, int nid) {
  const int at = X509_NAME_get_index_by_NID(name, nid, -1);
  // Of two it would not be clear which one counts.
  if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0) return {};
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, text);
  if (size < 0) return {};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's strings are unsigned
  std::string out(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return out.find('\0') == std::string::npos ? out : std::string();
}

}  // namespace

HttpPeer peer_certificate(SSL* ssl) {
  HttpPeer peer;
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), &X509_free);
  // A server that needs certificates lets nobody as far as here without one.
  if (!certificate) return peer;
  peer.certified = true;
  const X509_NAME* name = X509_get_subject_name(certificate.get());
  peer.role = field_of(name, NID_organizationName);
  peer.name = field_of(name, NID_commonName);
  return peer;
}

}  // namespace parallelrun
