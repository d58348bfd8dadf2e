#include "common/text/node_folder.h"

#include <algorithm>

namespace parallelrun {

std::string node_folder(std::string node) {
  std::replace(node.begin(), node.end(), ':', '-');
  return node;
}

}  // namespace parallelrun
