// Which viewers of a page in a cluster have proved themselves to the API server, and when they have to do it
// again. Knows keys alone, which tell tokens and namespaces apart without being them. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace parallelrun::web {

class VisitBook {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kProofGood{5};
  static constexpr std::chrono::seconds kProofAgain{4};     // of those whose page is open
  static constexpr std::chrono::seconds kWithoutProof{30};  // while the API server does not answer
  static constexpr std::chrono::seconds kIdle{60};

  explicit VisitBook(std::size_t most) : most_(most) {}

  // Whether what belongs to `key` may be shown at this moment. Notes that it is wanted.
  bool may_enter(const std::string& key, Time now);
  bool proved(const std::string& key, Time now) const;
  // The API server says: it is good. False: as many are here as may, and this one is not.
  bool accept(const std::string& key, Time now);
  void forget(const std::string& key) { visits_.erase(key); }
  std::size_t size() const { return visits_.size(); }

  struct Due {
    std::vector<std::string> prove;
    std::vector<std::string> end;  // unproved for too long, or nobody is there
  };
  // `open`: whether a page of that key is open, or a question of it unanswered.
  Due due(Time now, const std::function<bool(const std::string& key)>& open) const;

 private:
  struct Visit {
    Time proved;
    Time wanted;
  };

  const std::size_t most_;
  std::map<std::string, Visit> visits_;
};

}  // namespace parallelrun::web
