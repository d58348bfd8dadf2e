// Says early, and in words, what is wrong with certificates and keys; TLS would only say that it failed.
#pragma once

#include <string>

#include "common/result/result.h"

namespace parallelrun::kube {

// `origin` names in the messages where the text stands. At least one certificate, all of them readable.
Status check_authorities(const std::string& pem, const std::string& origin);

// A client certificate (with its chain) and the unencrypted private key that belongs to it.
Status check_client_pair(const std::string& certificate_pem, const std::string& certificate_origin,
                         const std::string& key_pem, const std::string& key_origin);

}  // namespace parallelrun::kube
