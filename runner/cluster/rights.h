// What the user of a connection may do. Every call blocks; `stop` ends it (kAborted).
#pragma once

#include <stop_token>
#include <string>

#include "common/result/result.h"
#include "runner/cluster/connection.h"

namespace parallelrun::cluster {

// Whether the user has the right to `verb` ("patch") on `resource` ("parallelrunjobs", "pods", "pods/log")
// in the connection's namespace, as the API server itself judges it: empty if so, else a sentence that says
// what is missing. Errors: those of plain_error().
Result<std::string> missing_right(Connection& connection, const std::string& verb,
                                  const std::string& resource, const std::stop_token& stop);

}  // namespace parallelrun::cluster
