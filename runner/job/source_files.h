// The files of a source directory, as far as a job looks at them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/job/requirement_files.h"

namespace parallelrun {

struct SourceListing {
  struct File {
    std::string name;  // below the directory; "../x" where requirements lie beside it
    std::string path;  // absolute
    bool code = false;
  };
  std::vector<File> files;               // by name
  std::vector<std::string> directories;  // all that were read, absolute
};

struct SourceOptions {
  std::string directory;              // absolute
  std::vector<std::string> not_code;  // files and directories below it that are left out
  RequirementFiles requirements;
};

// Whether Python can import a file of this name: *.py, *.pyi, *.so.
bool is_code(std::string_view name);

// Lists it. Links are followed, those to directories only within the directory and not back up. Never looked
// at: entries that begin with a dot, __pycache__, *.pyc, *.ipynb, *.log, node_modules, folders with a
// pyvenv.cfg, what pip builds inside local packages (build, *.egg-info), and what the directory's own
// .parallelrunignore and .amlignore leave out. Code is what is_code() says and what the requirements read.
// Errors: kNotFound, kIo; the message names the path.
Result<SourceListing> list_source(const SourceOptions& options);

// What stands for the content of requirements in the name of a cached environment: names, bytes and places of
// all they read. Errors: kNotFound, kIo.
Result<std::string> content_of(const RequirementFiles& requirements);

}  // namespace parallelrun
