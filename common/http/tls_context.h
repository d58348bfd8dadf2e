// TLS 1.3 with certificates on both sides, for servers here and for clients of them; and TLS of servers whose
// clients have no certificate.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "common/http/endpoint.h"
#include "common/result/result.h"

namespace parallelrun {

enum class TlsSide { kServer, kClient, kServerOfStrangers };

// A context that trusts the CA of `files` alone and demands a certificate of the peer. kServerOfStrangers: it
// has no CA, shows its certificate, and demands none (TLS 1.2 or later).
// Errors: kInvalidArgument naming the file and what OpenSSL says about it.
Result<std::unique_ptr<boost::asio::ssl::context>> make_tls_context(TlsSide side, const TlsFiles& files);

}  // namespace parallelrun
