#pragma once

#include <string>

namespace parallelrun {

// How the log tree spells a node's address: the ':' of an IPv6 address is '-'.
std::string node_folder(std::string node);

}  // namespace parallelrun
