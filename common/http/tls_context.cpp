#include "common/http/tls_context.h"

#include <openssl/ssl.h>

#include <string>

namespace parallelrun {
namespace {

namespace ssl = boost::asio::ssl;

Error unusable(const char* what, const std::string& file, const std::string& why) {
  return Error{
      ErrorCode::kInvalidArgument,
      std::string(what) + " '" + file + "' cannot be used: " + why + "; it must be a readable PEM file",
      false};
}

}  // namespace

Result<std::unique_ptr<ssl::context>> make_tls_context(TlsSide side, const TlsFiles& files) {
  const bool mutual = side != TlsSide::kServerOfStrangers;
  if (!mutual && (!files.ca.empty() || files.certificate.empty() || files.key.empty())) {
    return Error{ErrorCode::kInvalidArgument,
                 "TLS needs two PEM files: a certificate with its chain, and its key; give both", false};
  }
  if (mutual && !files.complete()) {
    return Error{ErrorCode::kInvalidArgument,
                 "mutual TLS needs three PEM files: the CA, a certificate, and its key; only some are given, "
                 "so give all three",
                 false};
  }
  auto context = std::make_unique<ssl::context>(side == TlsSide::kClient ? ssl::context::tls_client
                                                                         : ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, mutual ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (!mutual) SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION);
  // No resumption: every connection shows its certificate, and the server keeps nothing for those that left.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);

  boost::system::error_code error;
  if (mutual) context->load_verify_file(files.ca, error);
  if (error) return unusable("the CA", files.ca, error.message());
  context->use_certificate_chain_file(files.certificate, error);
  if (error) return unusable("the certificate", files.certificate, error.message());
  context->use_private_key_file(files.key, ssl::context::pem, error);
  if (error) return unusable("the key", files.key, error.message());
  if (SSL_CTX_check_private_key(native) != 1) {
    return unusable("the key", files.key,
                    "it does not belong to the certificate '" + files.certificate + "'");
  }
  context->set_verify_mode(mutual ? ssl::verify_peer | ssl::verify_fail_if_no_peer_cert : ssl::verify_none,
                           error);
  if (error) return unusable("the CA", files.ca, error.message());
  return context;
}

}  // namespace parallelrun
