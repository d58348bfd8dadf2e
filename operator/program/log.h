// The operator's log on standard error.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

#include "operator/program/options.h"

namespace parallelrun::op {

// `level` is one of those of --log-level. Thread-safe; a line is written at once.
std::shared_ptr<spdlog::logger> make_log(const std::string& level, LogFormat format);

}  // namespace parallelrun::op
