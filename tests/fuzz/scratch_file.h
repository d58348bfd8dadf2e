// One file of this process that each input writes anew, for code that opens paths.
#pragma once

#include <string>
#include <string_view>

namespace parallelrun::fuzz {

class ScratchFile {
 public:
  // `ending` of the name, with its dot.
  explicit ScratchFile(const std::string& ending);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void write(std::string_view content);
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_;
};

}  // namespace parallelrun::fuzz
