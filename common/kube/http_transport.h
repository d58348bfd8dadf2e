// Transport by cpprestsdk over TLS 1.2 or later with HTTP/1.1 keep-alive.
#pragma once

#include <cstddef>
#include <memory>

#include "common/kube/credential.h"
#include "common/kube/transport.h"

namespace parallelrun::kube {

struct HttpTransportOptions {
  // Threads of the process-wide pool that carries every connection. Counts only for the first transport made.
  std::size_t pool_threads = 4;
  std::size_t longest_line = std::size_t{64} << 20;  // bytes; a longer one ends the stream as kMalformed
};

// Throws std::runtime_error where the address, the CA or a proxy is not usable. The transport has no threads
// of its own; its destructor must not run while a call is under way.
std::unique_ptr<Transport> make_http_transport(ClusterAddress address,
                                               std::shared_ptr<CredentialSource> credentials,
                                               HttpTransportOptions options);

}  // namespace parallelrun::kube
