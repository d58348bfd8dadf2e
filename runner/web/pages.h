// The page's own files, read once: what is not among them does not exist for a browser.
#pragma once

#include <map>
#include <string>

#include "common/result/result.h"

namespace parallelrun::web {

struct PageFile {
  std::string bytes;
  std::string content_type;
  bool lasting = false;  // its name changes with its bytes: a browser may keep it
};

// By path: "/index.html", which is also "/". Files whose ending is none of a page's are left out. Errors:
// kNotFound (no folder, or no index.html in it: the message says how to get one), kInvalidArgument (far too
// many or too large), kIo.
Result<std::map<std::string, PageFile>> read_pages(const std::string& folder);

// Where the page lies beside the program: share/parallelrun/ui of a bundle, ui/ beside bin/ of a build.
std::string pages_beside(const std::string& program);

}  // namespace parallelrun::web
