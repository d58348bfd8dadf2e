// The ConfigMaps with the code of a job that is being submitted. Another submission may use the same name at
// the same moment: which of the two gets the job is decided by the API server, when the job is created, and
// each touches the maps of the other only while nobody has the job.
#pragma once

#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "runner/cluster/jobs.h"

namespace parallelrun::cluster {

class SubmittedCode {
 public:
  // `jobs` outlives it. `maps`: code_map()'s, of the job named `job`.
  SubmittedCode(Jobs& jobs, std::string job, std::vector<nlohmann::json> maps);

  // Before the job: its pods wait for the code. A map of an earlier job of that name is replaced; where one
  // is not made, those that were made are gone again. Errors: kInvalidArgument (a map of that name is
  // somebody else's), kConflict (it is that of a job which is there by now, or others submit the name all
  // the time), those of Jobs.
  Status put();

  // Where the job was not created. What another submission has put in place of ours stays.
  void withdraw();

  // Where the job was created: its code goes with it. What another submission has put in place of ours since
  // is replaced. Errors: as put(): the job is there, and a part of its code is not.
  Status give_to(const nlohmann::json& job);

 private:
  struct Map {
    nlohmann::json object;
    std::string uid = {};  // of the one that we made; empty: none
    std::string version = {};
  };

  Status make(Map& map);
  Status make_way(const Map& map);

  Jobs& jobs_;
  const std::string job_;
  std::string job_uid_;  // empty: the job is not there yet
  std::vector<Map> maps_;
};

}  // namespace parallelrun::cluster
