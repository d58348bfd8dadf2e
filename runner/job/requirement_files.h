// What pip would read for a job's requirements below the source directory: the requirements file, what it
// includes (-r, -c) and local packages. It is code of the job, and a cached environment stands for its
// content.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace parallelrun {

struct RequirementFiles {
  std::set<std::string> files;        // absolute, normal; also ones that are missing
  std::set<std::string> directories;  // of local packages: all their files count

  // Whether the file at this absolute path is one of them, or lies in a directory of them.
  bool contain(const std::string& path) const;
};

// `source_directory`: absolute; what relative paths of packages are meant from, as pip run there means them.
// An included file is meant from the folder of the one that includes it. `file`: absolute; empty: none. Lines
// that pip would refuse are pip's to refuse.
RequirementFiles requirement_files(const std::string& source_directory,
                                   const std::vector<std::string>& requirements, const std::string& file);

}  // namespace parallelrun
