// How much of a page's server its viewers may use: each one by himself, and all together. So one viewer takes
// no place from the others, and memory stays bounded whoever comes.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "common/result/result.h"

namespace parallelrun::web {

// Any thread.
class Places : public std::enable_shared_from_this<Places> {
 public:
  enum class Kind {
    kNamespaces,    // each has a watch and a list
    kFollowedLogs,  // each has a pod and a thread
    kPages,         // each has an open stream of events
    kPods,          // that answer at this moment
    kKeptBytes,     // of answers of pods
  };
  struct Bound {
    std::size_t each;
    std::size_t in_total;
  };
  static Bound bound(Kind kind);

  // Some of a kind, for as long as it lives. A default one is none.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept { swap(other); }
    Place& operator=(Place&& other) noexcept {
      Place(std::move(other)).swap(*this);
      return *this;
    }
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    friend class Places;
    void swap(Place& other) noexcept;

    std::shared_ptr<Places> places_;
    Kind kind_ = Kind::kPages;
    std::string owner_;
    std::size_t count_ = 0;
  };

  // `owner`: tells viewers apart, and is not their token. Errors: kUnavailable, a sentence with the bound.
  Result<Place> take(Kind kind, const std::string& owner, std::size_t count = 1);
  // Of all viewers.
  std::size_t taken(Kind kind) const;

 private:
  void give_back(Kind kind, const std::string& owner, std::size_t count);

  mutable std::mutex mutex_;  // all below
  std::map<Kind, std::size_t> all_;
  std::map<std::pair<Kind, std::string>, std::size_t> each_;
};

// Whose places a world, or a desk, takes.
struct Tenant {
  std::shared_ptr<Places> places;
  std::string owner;

  Result<Places::Place> take(Places::Kind kind, std::size_t count = 1) const {
    return places->take(kind, owner, count);
  }
};

}  // namespace parallelrun::web
