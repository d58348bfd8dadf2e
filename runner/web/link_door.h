// The door of a page on this machine alone, for whoever has the link, which holds a token.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runner/web/door.h"

namespace parallelrun::web {

// `port`: of 127.0.0.1, where the server listens. The desk is open.
std::shared_ptr<Door> make_link_door(std::uint16_t port, std::string token, std::shared_ptr<Desk> desk);

}  // namespace parallelrun::web
