// What a peer's certificate says of it. Internal to the room.
#pragma once

#include <openssl/ssl.h>

#include "common/http/http_server.h"

namespace parallelrun {

// After the handshake, which has verified it. A field that is missing, doubled or not plain text stays empty.
HttpPeer peer_certificate(SSL* ssl);

}  // namespace parallelrun
