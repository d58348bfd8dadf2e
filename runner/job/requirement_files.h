// What an installer would read for a job's requirements: the requirements file or the conda file, what it
// includes (-r, -c), local packages and wheels. It is code of the job, and a cached environment stands for
// its content.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace parallelrun {

struct RequirementFiles {
  std::set<std::string> files;        // absolute, normal; also ones that are missing
  std::set<std::string> directories;  // of local packages: all their files count

  // Whether the file at this absolute path is one of them, or lies in a directory of them.
  bool contain(const std::string& path) const;
};

// All paths are absolute; empty: none.
struct RequirementSources {
  std::vector<std::string> requirements;  // [requirements]
  std::string file;                       // [requirementsFile]
  std::string conda_file = {};            // [condaFile]; its pip part is meant from its folder
  std::string wheels = {};                // [wheels] a folder
};

// `source_directory`: absolute; what relative paths of packages are meant from, as pip run there means them.
// An included file is meant from the folder of the one that includes it. Lines that pip would refuse are
// pip's to refuse, and a conda file that cannot be read is its reader's.
RequirementFiles requirement_files(const std::string& source_directory, const RequirementSources& sources);

// The path that a line of a requirements file includes (-r, -c), with the option in front of it; empty: it
// includes no file of this machine.
struct Inclusion {
  std::string option;
  std::string path;
};
Inclusion inclusion_of(std::string_view line);

}  // namespace parallelrun
