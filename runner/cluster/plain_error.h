// A request that the API server did not fulfil, as one line for a user that names the way out. Pure.
#pragma once

#include <string>

#include "common/kube/api_error.h"
#include "common/result/result.h"

namespace parallelrun::cluster {

inline constexpr const char* kJobsInWords = "parallelrunjobs.parallelrun.dev";
inline constexpr const char* kDatasetsInWords = "parallelrundatasets.parallelrun.dev";

// What was asked for.
struct Deed {
  std::string verb;        // of RBAC: "get", "list", "create", "patch", "delete"
  std::string resource;    // of RBAC: "parallelrunjobs.parallelrun.dev", "pods/log"
  std::string name_space;  // empty: all
  std::string name;        // of the object; empty: none in particular
};

// Codes: kUnavailable (may pass; retryable), kUnsupported (the cluster has no such resource), kNotFound,
// kConflict (it is there already), kInvalidArgument (a rule is broken), kAborted (the user stopped it),
// kDenied (denied.h), kIo.
// `server` is the address that was asked.
Error plain_error(const kube::ApiError& error, const Deed& deed, const std::string& server);

}  // namespace parallelrun::cluster
