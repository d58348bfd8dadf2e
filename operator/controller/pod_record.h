// What the cache keeps of a pod: a few hundred bytes of what a decision is made of. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "common/json/json.h"
#include "common/kube/watch_state.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

// Replaces a pod as the API server gives it by its record.
void to_pod_record(nlohmann::json& pod);

// `record` is what to_pod_record made; an object of any other content gives a view without content.
PodView pod_view(const kube::ObjectKey& key, const std::string& uid, const nlohmann::json& record,
                 const std::string& job_uid);

// Label parallelrun.dev/job; empty: not a pod of a job.
std::string job_of_record(const nlohmann::json& record);
// See kSecretGeneration; -1: none.
std::int64_t secret_generation_of_record(const nlohmann::json& record);

// The number that a label or an annotation holds as text; 0 where it holds none.
std::int64_t label_number(const nlohmann::json& labels, const char* name);

// uid of the owner reference with controller: true.
std::string controller_uid(const nlohmann::json& metadata);

}  // namespace parallelrun::op
