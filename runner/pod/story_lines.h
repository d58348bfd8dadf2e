// Lines with the time before them on standard output, from any thread. A reader that is stuck costs a line at
// most a second and then the line.
#pragma once

#include <mutex>
#include <string>

namespace parallelrun {

class StoryLines {
 public:
  explicit StoryLines(int fd) : fd_(fd) {}
  void say(const std::string& line);

 private:
  std::mutex mutex_;
  int fd_;
};

}  // namespace parallelrun
