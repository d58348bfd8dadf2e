#include "common/kube/kube_client.h"

#include <string_view>
#include <utility>

#include "common/json/compact_text.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

// Beyond the end that the server promises, before a silent watch counts as lost.
constexpr std::chrono::seconds kWatchGrace{30};
constexpr std::chrono::hours kLongestLog{12};

std::string encoded(std::string_view part) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string result;
  for (const char c : part) {
    if (kPlain.find(c) != std::string_view::npos) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += '%';
      result += kDigits[byte >> 4U];
      result += kDigits[byte & 15U];
    }
  }
  return result;
}

Request request_of(std::string method, const Resource& resource, const ObjectPath& path) {
  Request request;
  request.method = std::move(method);
  request.path = api_path(resource, path);
  request.headers["Accept"] = "application/json";
  return request;
}

void answer_with(KubeClient::Answer answer, Request& request) {
  if (answer == KubeClient::Answer::kMetadata) {
    request.headers["Accept"] = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
  }
}

void select(Request& request, const Selection& selection) {
  if (!selection.labels.empty()) request.query["labelSelector"] = selection.labels;
  if (!selection.fields.empty()) request.query["fieldSelector"] = selection.fields;
}

}  // namespace

std::string api_path(const Resource& resource, const ObjectPath& path) {
  std::string result = resource.group.empty() ? "/api" : "/apis/" + encoded(resource.group);
  result += "/" + encoded(resource.version);
  if (resource.namespaced && !path.name_space.empty()) result += "/namespaces/" + encoded(path.name_space);
  result += "/" + encoded(resource.plural);
  if (!path.name.empty()) result += "/" + encoded(path.name);
  if (!path.subresource.empty()) result += "/" + encoded(path.subresource);
  return result;
}

Request KubeClient::write_of(std::string method, const Resource& resource, const ObjectPath& path,
                             const json& body, const std::string& field_manager) const {
  Request request = request_of(std::move(method), resource, path);
  request.query["fieldManager"] = field_manager;
  // Warnings of unknown or repeated fields nobody would read, and looking for them costs the server a second
  // reading of the body.
  request.query["fieldValidation"] = unknown_fields_ == UnknownFields::kDrop ? "Ignore" : "Strict";
  request.body = compact_text(body);
  return request;
}

ApiResult<json> KubeClient::send(const Request& request, const std::stop_token& stop) {
  auto response = transport_.send(request, stop);
  if (!response.ok()) return response.error();
  if (response->status < 200 || response->status > 299) {
    return api_error(response->status, response->body, response->retry_after);
  }
  json body = json::parse(response->body, nullptr, false);
  if (body.is_object()) return body;
  ApiError error;
  error.failure = ApiFailure::kMalformed;
  error.status = response->status;
  error.message = request.method + " " + request.path + ": the answer is not a JSON object";
  return error;
}

ApiResult<json> KubeClient::get(const Resource& resource, const ObjectPath& path,
                                const std::stop_token& stop) {
  return send(request_of("GET", resource, path), stop);
}

ApiResult<json> KubeClient::list_page(const Resource& resource, const std::string& name_space,
                                      const Selection& selection, int limit,
                                      const std::string& continue_token, const std::stop_token& stop) {
  Request request = request_of("GET", resource, {name_space, "", ""});
  request.query["limit"] = std::to_string(limit);
  request.timeout = std::chrono::minutes(1);
  if (!continue_token.empty()) request.query["continue"] = continue_token;
  select(request, selection);
  return send(request, stop);
}

ApiResult<json> KubeClient::table_page(const Resource& resource, const std::string& name_space, int limit,
                                       const std::string& continue_token, bool metadata,
                                       const std::stop_token& stop) {
  Request request = request_of("GET", resource, {name_space, "", ""});
  request.headers["Accept"] = "application/json;as=Table;g=meta.k8s.io;v=v1";
  request.query["includeObject"] = metadata ? "Metadata" : "None";
  request.query["limit"] = std::to_string(limit);
  request.timeout = std::chrono::minutes(1);
  if (!continue_token.empty()) request.query["continue"] = continue_token;
  return send(request, stop);
}

ApiResult<json> KubeClient::create(const Resource& resource, const ObjectPath& collection, const json& object,
                                   const std::string& field_manager, Answer answer,
                                   const std::stop_token& stop) {
  Request request = write_of("POST", resource, {collection.name_space, "", ""}, object, field_manager);
  answer_with(answer, request);
  return send(request, stop);
}

ApiResult<json> KubeClient::replace(const Resource& resource, const ObjectPath& path, const json& object,
                                    const std::string& field_manager, const std::stop_token& stop) {
  return send(write_of("PUT", resource, path, object, field_manager), stop);
}

ApiResult<json> KubeClient::merge_patch(const Resource& resource, const ObjectPath& path, const json& patch,
                                        const std::string& field_manager, Answer answer,
                                        const std::stop_token& stop) {
  Request request = write_of("PATCH", resource, path, patch, field_manager);
  request.headers["Content-Type"] = "application/merge-patch+json";
  answer_with(answer, request);
  return send(request, stop);
}

ApiResult<json> KubeClient::apply(const Resource& resource, const ObjectPath& path, const json& object,
                                  const ApplyOptions& options, const std::stop_token& stop) {
  Request request = write_of("PATCH", resource, path, object, options.field_manager);
  request.query["force"] = options.force ? "true" : "false";
  // JSON is YAML; 1.30 knows this media type only.
  request.headers["Content-Type"] = "application/apply-patch+yaml";
  return send(request, stop);
}

ApiResult<json> KubeClient::remove(const Resource& resource, const ObjectPath& path,
                                   const DeleteOptions& options, const std::stop_token& stop) {
  using Propagation = DeleteOptions::Propagation;
  json body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  body["propagationPolicy"] = options.propagation == Propagation::kBackground   ? "Background"
                              : options.propagation == Propagation::kForeground ? "Foreground"
                                                                                : "Orphan";
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = options.resource_version;
  }
  if (options.grace_period_seconds) body["gracePeriodSeconds"] = *options.grace_period_seconds;
  Request request = request_of("DELETE", resource, path);
  request.body = compact_text(body);
  return send(request, stop);
}

ApiResult<json> KubeClient::watch(const Resource& resource, const std::string& name_space,
                                  const Selection& selection, const std::string& resource_version,
                                  std::chrono::seconds timeout, std::function<void()> opened,
                                  const Transport::LineSink& sink, const std::stop_token& stop) {
  Request request = request_of("GET", resource, {name_space, "", ""});
  request.query["watch"] = "true";
  request.query["allowWatchBookmarks"] = "true";
  request.query["resourceVersion"] = resource_version;
  request.query["timeoutSeconds"] = std::to_string(timeout.count());
  request.timeout = timeout + kWatchGrace;
  request.opened = std::move(opened);
  select(request, selection);
  return stream(request, sink, stop);
}

ApiResult<json> KubeClient::follow_log(const std::string& name_space, const std::string& pod,
                                       const std::string& container, const Transport::LineSink& sink,
                                       const std::stop_token& stop) {
  static const Resource kPods{"", "v1", "pods"};
  Request request = request_of("GET", kPods, {name_space, pod, "log"});
  request.headers.erase("Accept");  // it is text
  request.query["container"] = container;
  request.query["follow"] = "true";
  request.timeout = kLongestLog;
  return stream(request, sink, stop);
}

ApiResult<json> KubeClient::stream(const Request& request, const Transport::LineSink& sink,
                                   const std::stop_token& stop) {
  auto response = transport_.stream(request, sink, stop);
  if (!response.ok()) return response.error();
  if (response->status < 200 || response->status > 299) {
    return api_error(response->status, response->body, response->retry_after);
  }
  return json();
}

}  // namespace parallelrun::kube
