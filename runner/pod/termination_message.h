// The last word of a pod's runner: what the operator reads from the container's status.
#pragma once

#include <cstddef>
#include <string>

#include "common/json/json.h"
#include "common/pod/pod_layout.h"
#include "common/result/result.h"

namespace parallelrun {

// One JSON object of at most `limit` bytes, valid UTF-8, of a `finished` event (see progress_stream.h):
// state, reason, message, firstError, the counts, durationSeconds, miniBatchSecondsTotal, and where the logs
// are in the output volume or store (`logs`). What does not fit is shortened by whole characters: the first
// error first, then the message; the rest is small. `output_folder` is the directory of the output in its
// volume, empty for the volume's root, or the address of that in a store.
std::string termination_message(const nlohmann::json& finished, const std::string& output_folder,
                                std::size_t limit = pod::kTerminationMessageLimit);

// The same for an end that no event tells of: `state` "Failed" (a refusal) or "Interrupted".
nlohmann::json end_without_event(const std::string& state, const std::string& reason,
                                 const std::string& message);

// Puts the message where the kubelet reads it.
Status write_termination_message(const std::string& path, const std::string& message);

}  // namespace parallelrun
