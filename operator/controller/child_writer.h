// The objects that are made for a job, all in one way: make it; where one of that name is there, look whose
// it is.
#pragma once

#include <optional>
#include <string>

#include "common/json/json.h"
#include "common/kube/kube_client.h"
#include "operator/controller/applier.h"
#include "operator/controller/plan_writes.h"

namespace parallelrun::op {

struct Child {
  // What is done where an object of that name is there.
  enum class WhenThere {
    kShare,         // nothing: it belongs to the whole namespace
    kGet,           // it is read, and must be this job's
    kPatchNothing,  // the same for a Secret: what a patch of nothing answers needs no right to read Secrets
  };
  const kube::Resource& resource;
  std::string kind;
  std::string name;
  WhenThere when_there = WhenThere::kGet;
  std::string refused_as = {};  // the object that refusals are noted for; empty: this one

  // As Refusal has it: "Pod digits-worker-0-0".
  std::string object() const { return kind + " " + name; }
};

// An object that is there now.
struct Present {
  bool made = false;    // by us, just now
  nlohmann::json body;  // metadata only, where it was made; null, where it is shared
};

// Each function notes what becomes of it in the writes of the plan. Thread-safe.
class ChildWriter {
 public:
  // References must outlive it.
  ChildWriter(const Applier::Context& context, PlanWrites& writes, std::string name_space,
              std::string job_uid);

  // Afterwards there is such an object of this job, made of `body` or found. Nothing: there is none, or it is
  // somebody else's. That it is accepted, the caller notes once all that belongs to it is there.
  std::optional<Present> ensure(const Child& child, const nlohmann::json& body);

  // As the server has it; a failure is noted by the caller.
  kube::ApiResult<nlohmann::json> read(const Child& child);
  // Whether what was read is this job's.
  bool is_ours(const Child& child, const nlohmann::json& found);

  bool patch(const Child& child, const nlohmann::json& patch);

  void failed(const Child& child, const kube::ApiError& error, bool quiet = false);
  // It could not even be put together.
  void failed(const Child& child, const Error& why);

 private:
  const Applier::Context& context_;
  PlanWrites& writes_;
  const std::string name_space_;
  const std::string job_uid_;
};

}  // namespace parallelrun::op
