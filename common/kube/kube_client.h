// The verbs of the Kubernetes API that this project uses, on JSON objects.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "common/json/json.h"
#include "common/kube/transport.h"

namespace parallelrun::kube {

// A kind of object by the name the API's paths have for it.
struct Resource {
  std::string group;  // empty for the core group
  std::string version;
  std::string plural;
  bool namespaced = true;
};

// One object, or with an empty name a collection; an empty namespace of a namespaced resource means all of
// them.
struct ObjectPath {
  std::string name_space;
  std::string name;
  std::string subresource;  // "status", "scale" or empty
};

// Path of a request, percent-encoded.
std::string api_path(const Resource& resource, const ObjectPath& path);

struct Selection {
  std::string labels;  // label selector; empty: everything
  std::string fields;  // field selector
};

struct DeleteOptions {
  enum class Propagation { kBackground, kForeground, kOrphan };
  Propagation propagation = Propagation::kBackground;
  std::string uid;               // only this incarnation: else kConflict
  std::string resource_version;  // only this state: else kConflict
  std::optional<int> grace_period_seconds;
};

struct ApplyOptions {
  std::string field_manager;
  bool force = false;  // take fields over from other managers; else kConflict
};

// Thread-safe as far as the transport is, which must outlive it. Every call blocks and is sent once; retrying
// is the caller's. Fields that the server does not know it drops silently.
class KubeClient {
 public:
  using Json = nlohmann::json;

  // What the server does about fields of an object that it does not know: a program of ours knows its API, a
  // user must hear of them.
  enum class UnknownFields { kDrop, kRefuse };

  explicit KubeClient(Transport& transport, UnknownFields unknown_fields = UnknownFields::kDrop)
      : transport_(transport), unknown_fields_(unknown_fields) {}

  ApiResult<Json> get(const Resource& resource, const ObjectPath& path, const std::stop_token& stop);
  // One page of at most `limit` objects; `continue_token` is empty for the first.
  ApiResult<Json> list_page(const Resource& resource, const std::string& name_space,
                            const Selection& selection, int limit, const std::string& continue_token,
                            const std::stop_token& stop);
  // The same as a Table of meta.k8s.io/v1: cells as `kubectl get` shows them, which is a small part of the
  // objects' bytes. `metadata`: each row has that of its object.
  ApiResult<Json> table_page(const Resource& resource, const std::string& name_space, int limit,
                             const std::string& continue_token, bool metadata, const std::stop_token& stop);
  // What a write answers: the object, or only its metadata, which leaves out what a caller should not see (a
  // Secret's data) or has no use for.
  enum class Answer { kObject, kMetadata };
  // `object` needs metadata.name: see Transport about requests that are sent twice. A kAlreadyExists may
  // therefore be one's own object.
  ApiResult<Json> create(const Resource& resource, const ObjectPath& collection, const Json& object,
                         const std::string& field_manager, Answer answer, const std::stop_token& stop);
  // PUT: kConflict unless metadata.resourceVersion is the stored one. What a Lease is renewed by.
  ApiResult<Json> replace(const Resource& resource, const ObjectPath& path, const Json& object,
                          const std::string& field_manager, const std::stop_token& stop);
  // JSON merge patch (RFC 7386): null removes. With metadata.resourceVersion in it, kConflict unless that is
  // the stored one.
  ApiResult<Json> merge_patch(const Resource& resource, const ObjectPath& path, const Json& patch,
                              const std::string& field_manager, Answer answer, const std::stop_token& stop);
  // Server-side apply; with subresource "status" the status only. `object` needs apiVersion, kind and name.
  ApiResult<Json> apply(const Resource& resource, const ObjectPath& path, const Json& object,
                        const ApplyOptions& options, const std::stop_token& stop);
  ApiResult<Json> remove(const Resource& resource, const ObjectPath& path, const DeleteOptions& options,
                         const std::stop_token& stop);
  // Gives each line of the watch to `sink` until the server ends it, which it does after `timeout`, or the
  // sink returns false. `opened` is called once before the first line, as soon as the server has accepted the
  // watch. The answer has no value.
  ApiResult<Json> watch(const Resource& resource, const std::string& name_space, const Selection& selection,
                        const std::string& resource_version, std::chrono::seconds timeout,
                        std::function<void()> opened, const Transport::LineSink& sink,
                        const std::stop_token& stop);
  // Gives each line of a container's log to `sink`, from the first one, until the container ends, the sink
  // returns false or half a day is over. The answer has no value.
  ApiResult<Json> follow_log(const std::string& name_space, const std::string& pod,
                             const std::string& container, const Transport::LineSink& sink,
                             const std::stop_token& stop);

 private:
  ApiResult<Json> send(const Request& request, const std::stop_token& stop);
  ApiResult<Json> stream(const Request& request, const Transport::LineSink& sink,
                         const std::stop_token& stop);
  // `field_manager` is who owns the fields that are written.
  Request write_of(std::string method, const Resource& resource, const ObjectPath& path, const Json& body,
                   const std::string& field_manager) const;

  Transport& transport_;
  const UnknownFields unknown_fields_;
};

}  // namespace parallelrun::kube
