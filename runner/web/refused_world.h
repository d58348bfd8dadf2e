// A namespace whose jobs the viewer has no right to list, beside others that he may see: a sentence in the
// list, which would else only look empty there.
#pragma once

#include <memory>
#include <string>

#include "runner/web/world.h"

namespace parallelrun::web {

std::unique_ptr<World> make_refused_world(std::string sentence);

}  // namespace parallelrun::web
