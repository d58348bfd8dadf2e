#include "runner/cluster/plain_error.h"

#include <fmt/format.h>

#include "common/result/denied.h"
#include "common/text/presentable.h"

namespace parallelrun::cluster {
namespace {

using kube::ApiFailure;

// "job 'digits' in the namespace 'team'"
std::string object_of(const Deed& deed) {
  const std::string kind = deed.resource == kJobsInWords       ? "job"
                           : deed.resource == kDatasetsInWords ? "dataset"
                                                               : deed.resource;
  const std::string place =
      deed.name_space.empty() ? "" : fmt::format(" in the namespace '{}'", deed.name_space);
  return deed.name.empty() ? deed.resource + place : fmt::format("{} '{}'{}", kind, deed.name, place);
}

std::string forbidden(const kube::ApiError& error, const Deed& deed) {
  // RBAC says "User "x" cannot list resource ..."; a quota or a policy refuses what one has the right to.
  if (error.message.find(" cannot ") == std::string::npos)
    return fmt::format("the cluster refuses to {} {}: {}", deed.verb, object_of(deed), error.message);
  return fmt::format(
      "you have no right to {} {}{}; ask an administrator of the cluster for it (`kubectl auth can-i {} "
      "{}{}` "
      "checks it). The API server: {}",
      deed.verb, deed.resource,
      deed.name_space.empty() ? " in all namespaces" : fmt::format(" in the namespace '{}'", deed.name_space),
      deed.verb, deed.resource,
      deed.name_space.empty() ? " --all-namespaces" : fmt::format(" -n {}", deed.name_space), error.message);
}

Error in_words(const kube::ApiError& error, const Deed& deed, const std::string& server) {
  switch (error.failure) {
    case ApiFailure::kUnreachable:
      return {ErrorCode::kUnavailable,
              fmt::format("the API server {} does not answer: {}; check the network, and the server of the "
                          "kubeconfig's context (`kubectl cluster-info`)",
                          server, error.message),
              true};
    case ApiFailure::kStopped:
      return {ErrorCode::kAborted, "interrupted", false};
    case ApiFailure::kUnauthorized:
      return {kDenied,
              fmt::format("the API server {} does not know you: {}; log in again, or name another context "
                          "with --context",
                          server, error.message),
              false};
    case ApiFailure::kForbidden:
      return {kDenied, forbidden(error, deed), false};
    case ApiFailure::kNotFound:
      // Of an object that is missing the answer is a Status with a reason; of an unknown resource it is not.
      if (error.reason.empty() && (deed.resource == kJobsInWords || deed.resource == kDatasetsInWords))
        return {ErrorCode::kUnsupported,
                fmt::format("the cluster {} has no {} ({}); install them there with the Helm chart "
                            "(docs/install.md), or name another cluster with --context",
                            server, deed.resource == kJobsInWords ? "ParallelRunJobs" : "ParallelRunDatasets",
                            deed.resource),
                false};
      return {ErrorCode::kNotFound, fmt::format("there is no {}", object_of(deed)), false};
    case ApiFailure::kAlreadyExists:
      return {ErrorCode::kConflict, fmt::format("there is already a {}", object_of(deed)), false};
    case ApiFailure::kConflict:
      return {ErrorCode::kConflict,
              fmt::format("somebody else changed the {} at the same time: {}; try it again", object_of(deed),
                          error.message),
              true};
    case ApiFailure::kInvalid:
      return {ErrorCode::kInvalidArgument, fmt::format("the cluster refuses it: {}", error.message), false};
    case ApiFailure::kTooManyRequests:
    case ApiFailure::kServer:
    case ApiFailure::kMalformed:
      return {ErrorCode::kUnavailable,
              fmt::format("the API server {} cannot {} {} now: {}; try it again", server, deed.verb,
                          object_of(deed), error.message),
              true};
    default:
      return {ErrorCode::kIo, fmt::format("cannot {} {}: {}", deed.verb, object_of(deed), error.message),
              false};
  }
}

}  // namespace

Error plain_error(const kube::ApiError& error, const Deed& deed, const std::string& server) {
  Error plain = in_words(error, deed, server);
  plain.message = presentable(plain.message);
  return plain;
}

}  // namespace parallelrun::cluster
