// The world of output directories on this machine.
#pragma once

#include <memory>

#include "runner/web/directory_jobs.h"
#include "runner/web/timeline_reader.h"
#include "runner/web/world.h"

namespace parallelrun::web {

std::unique_ptr<World> make_directory_world(DirectoryJobs::Options options, std::string program);

}  // namespace parallelrun::web
