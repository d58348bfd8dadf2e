// Who we are to the API server.
#pragma once

#include <memory>
#include <string>

#include "common/kube/time.h"
#include "common/result/result.h"

namespace parallelrun::kube {

struct Credential {
  std::string token;            // bearer token; empty: none
  std::string certificate_pem;  // client certificate with its chain; empty: none
  std::string key_pem;
  bool operator==(const Credential&) const = default;
};

// Thread-safe. `current` may read files or run a program, when what it has is too old.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  virtual Result<Credential> current(Time now) = 0;
  // The server answered 401: the next `current` gets a new one.
  virtual void rejected() = 0;
};

// Where the API server is, and how it proves what it is.
struct ClusterAddress {
  std::string url;           // "https://host:port" with an optional path
  std::string ca_pem;        // empty: the system's authorities
  bool skip_verify = false;  // insecure-skip-tls-verify
  std::string proxy_url;     // "http://[USER:PASSWORD@]HOST[:PORT]"; empty: direct
  // The name that the server's certificate has to hold, and that is asked for (SNI); empty: the host of
  // `url`.
  std::string tls_server_name;
};

struct ClusterAccess {
  ClusterAddress address;
  std::shared_ptr<CredentialSource> credentials;
  std::string name_space = "default";  // of the context, or of the pod
};

}  // namespace parallelrun::kube
