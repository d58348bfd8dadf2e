// Where jobs are that a page shows: output directories of this machine, or a cluster. The page sees no
// difference.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "runner/web/request.h"

namespace parallelrun::web {

// A job of a list: {"id", "world", "name", "state", "reason", "message", "started", "updated",
// "elapsedSeconds", "timeLeftSeconds", "progress", and "directory" or "namespace"}, as text.
struct JobLine {
  std::string id;
  std::string text;
};

struct JobLines {
  std::vector<JobLine> jobs;
  std::vector<std::string> unread;  // what could not be read, with the reason
};

// What has become of the jobs since a version of the list.
struct Changes {
  std::uint64_t version = 0;  // ask from here the next time
  std::vector<JobLine> changed;
  std::vector<std::string> gone;  // ids
  bool unread = false;            // what cannot be read is not the same: the list has it
};

// A log that some page follows, and how that goes.
struct FollowedLog {
  std::string job;
  std::string path;
  std::optional<std::uint64_t> size = std::nullopt;  // nothing: not known yet, or it is not there
  bool follows = true;                               // false: it is not followed (any more)
  std::string words = {};  // sentences: by which way it is followed, or why not; empty: it lies here

  friend bool operator==(const FollowedLog&, const FollowedLog&) = default;
};

// What was done to a job.
struct Deed {
  std::string message;  // a sentence
  std::string job;      // the id of a job that was begun by it; empty: none
};

// Calls block, and may come from several threads at once. Errors are sentences with the way out:
// kInvalidArgument, kNotFound, kCorrupt (a damaged file), kDenied (no right to it: denied.h), kIo (a disk or
// the system has trouble), kUnavailable, kConflict (not in this state).
class World {
 public:
  virtual ~World() = default;

  // Adds what there is to say of this world to the answer of /api/worlds.
  virtual void describe(nlohmann::ordered_json& about) const = 0;
  // Whether ids of this form are its own. Does not block.
  virtual bool owns(const std::string& id) const = 0;

  virtual JobLines jobs() = 0;
  // Looks after the jobs that may have changed, `watched` among them, for as little as that costs.
  // `since`: 0 asks for the version alone.
  virtual Changes changes(std::uint64_t since, const std::vector<std::string>& watched) = 0;

  // The members of JobLine, and "manifest", "warnings", "outputFile", "format", "verbs", ...
  virtual Result<nlohmann::ordered_json> job(const std::string& id) = 0;
  // See output_answers.h; "difference" too.
  virtual Result<nlohmann::ordered_json> answer(const std::string& id, const std::string& about,
                                                const Target& target) = 0;
  // Says of each of these logs how it goes on. They are all that is followed now: what was followed before
  // and is not among them is let go.
  virtual void follow(std::vector<FollowedLog>& logs) = 0;
  // "cancel", "suspend", "resume", "scale", "resubmit", "retryFailed".
  virtual Result<Deed> act(const std::string& id, const std::string& verb,
                           const nlohmann::json& arguments) = 0;
};

}  // namespace parallelrun::web
