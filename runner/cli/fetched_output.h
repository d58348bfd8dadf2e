// The output directory of a job whose output lies in a store, for a verb that reads directories: what it
// reads is fetched, and no more. In the pod of somebody who looks at a job; the process that has the
// credentials is another one (runner/store).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/cli/wanted_files.h"
#include "runner/orchestrator/server/output_objects.h"

namespace parallelrun {

// One thread at a time.
class FetchedOutput {
 public:
  // `directory` is made, if need be. `address`: how people call the store.
  FetchedOutput(std::string socket, std::string directory, std::string address)
      : objects_(std::move(socket)), directory_(std::move(directory)), address_(std::move(address)) {}

  // Fetches what a verb reads: `words` are its name, the directory, and what follows. Errors:
  // kInvalidArgument (a file is too large for this way), kCorrupt, kNoSpace, kIo.
  Status fetch(const std::vector<std::string>& words);

  // Whether the verb goes on with what is added to files.
  bool follows() const { return !followed_.empty(); }
  // Fetches what has been added since. What fails is left for the next time.
  void go_on();

  // What the user is told of it, in sentences; empty: nothing.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  class NewFile;  // one that gets its name when it is whole

  Status prepare_state(std::vector<NewFile>& files);
  Status fetch_state();
  Status fetch_names(OutputNames& names);
  Status make_stand_in(const LogObject& object) const;
  Status fetch_file(const WantedFile& file);
  Status fetch_object(const LogObject& object, const Amount& amount);
  Error too_large(const std::string& what, std::uint64_t size) const;
  Status fetch_all(const LogObject& object);
  Status fetch_first_lines(const LogObject& object, std::uint64_t lines);
  Status fetch_last_lines(const LogObject& object, std::uint64_t lines);
  Status fetch_bytes(const LogObject& object, const Amount& amount);
  Status fetch_rest(const LogObject& object, std::uint64_t known);
  Status replay_log();
  Result<std::string> part_of(const LogObject& object, std::uint64_t begin, std::uint64_t end);
  std::string path_of(const std::string& name) const { return directory_ + "/" + name; }
  void tell(std::size_t files, bool at_work);

  orchestrator::OutputObjects objects_;
  const std::string directory_;
  const std::string address_;
  std::uint64_t fetched_ = 0;  // bytes
  std::map<std::string, LogObject> followed_;
  std::vector<std::string> notes_;
};

}  // namespace parallelrun
