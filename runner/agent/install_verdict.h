// What a failed installation of [environment] requirements means, and when it is tried again. Pure.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include "runner/agent/standstills.h"

namespace parallelrun::agent {

enum class InstallVerdict {
  kHopeless,  // no such package or version, a conflict, a requirement that is none: ends the job
  kPassing,   // an index that is not reached, a full disk: may go by itself
  kUnknown,   // a package that does not build, say: tried again, but not for ever
};

// From what the installer wrote, and how it ended ("exit status 1", "killed by SIGKILL").
InstallVerdict install_verdict(std::string_view output, std::string_view end);

class InstallRetries {
 public:
  static constexpr Duration kFirstPause = std::chrono::seconds(1);
  static constexpr Duration kLongestPause = std::chrono::seconds(60);
  static constexpr int kUnknownTries = 3;
  // Of failures that may pass: then this node counts as one that cannot start, and goes on trying.
  static constexpr int kPatientTries = 10;

  struct Next {
    Duration pause{};
    bool given_up = false;  // the job ends unless others work, or come to work
  };
  // After a try that failed; nothing: it is not tried again.
  std::optional<Next> after(InstallVerdict verdict) {
    ++failures_;
    if (verdict == InstallVerdict::kUnknown) ++unknown_;
    if (verdict == InstallVerdict::kHopeless || unknown_ >= kUnknownTries) return std::nullopt;
    const Duration pause = std::min(kLongestPause, kFirstPause * (1 << std::min(failures_ - 1, 10)));
    return Next{pause, failures_ >= kPatientTries};
  }

 private:
  int failures_ = 0;
  int unknown_ = 0;
};

}  // namespace parallelrun::agent
