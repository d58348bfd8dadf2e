// What a peer's certificate says of it. Internal to the room.
#pragma once

#include <openssl/ssl.h>

#include "runner/protocol/caller.h"

namespace parallelrun {

// After the handshake, which has verified it. A field that is missing, doubled or not plain text stays empty.
void read_certificate(SSL* ssl, Caller& caller);

}  // namespace parallelrun
