// The files below `logs/`: appended, capped, rotated. Paths may come from agents, and user code may have
// planted links in the tree, so every component is opened by itself and no link is followed.
//
// One thread at a time. Nothing is buffered: what append() has written can be read at once.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/result/result.h"

namespace parallelrun::orchestrator {

// Whether `path` is one that an agent may write to: relative, below sys/node/, user/entry_script_log/,
// user/stdout/, user/stderr/, user/metrics/ or perf/, of plain components (no "..", no control characters, at
// most 8 deep).
bool agent_may_log_to(std::string_view path);

class LogTree {
 public:
  struct Options {
    std::string directory;                  // absolute path of `logs/`, which exists or can be made
    std::uint64_t file_cap = 64ULL << 20U;  // bytes; a file that would grow beyond is renamed to NAME.1 first
    std::size_t max_open = 128;             // files kept open
  };

  explicit LogTree(Options options) : options_(std::move(options)) {}
  ~LogTree();
  LogTree(const LogTree&) = delete;
  LogTree& operator=(const LogTree&) = delete;

  // Creates folders and file where missing. Errors: kInvalidArgument (a component is a link or not what it
  // should be), kNoSpace, kIo; the message names the path.
  Status append(const std::string& path, std::string_view bytes);

  // Puts `content` in place of the file, so that a reader sees the old or the new, whole. On a full disk it
  // is written over the old one, as far as there is room: the end of a job is of more use than an old state.
  Status replace(const std::string& path, std::string_view content);

  // The last `limit` bytes of a file; empty when there is none.
  std::string tail(const std::string& path, std::size_t limit);

 private:
  struct OpenFile {
    int fd = -1;
    std::uint64_t size = 0;
    std::list<std::string>::iterator used;
  };

  Result<int> open_folder_of(const std::string& path);
  Result<OpenFile*> open_file(const std::string& path);
  Status rotate(const std::string& path);
  void forget(const std::string& path);

  Options options_;
  std::list<std::string> by_use_;  // paths of open files, the last used first
  std::unordered_map<std::string, OpenFile> open_;
};

}  // namespace parallelrun::orchestrator
