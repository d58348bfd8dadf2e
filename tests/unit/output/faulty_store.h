// A store in memory, as the log of an output needs it: a process may die before or after each step that
// reaches it, and an answer may be lost.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runner/output/log_store.h"

namespace parallelrun {

class FaultyStore {
 public:
  // Thrown out of the step in which the process dies.
  struct Killed {};

  std::map<std::string, std::string> objects;
  std::uint64_t most_objects = 0;  // that there were at a time

  explicit FaultyStore(std::uint64_t seed) : random_(seed) {}
  // The step after `steps` more of them kills its process, before or after it is done. Negative: none does.
  void kill_after(std::int64_t steps) { steps_left_ = steps; }

 private:
  template <typename What>
  auto step(What&& what) {
    const bool dies = steps_left_ >= 0 && steps_left_-- == 0;
    if (dies && random_() % 2 == 0) throw Killed{};
    auto done = what();
    most_objects = std::max<std::uint64_t>(most_objects, objects.size());
    if (dies) throw Killed{};
    // The answer was lost, and the same is asked again.
    return random_() % 8 == 0 ? what() : done;
  }

 public:
  // What a process does there.
  class Client final : public LogStore {
   public:
    explicit Client(FaultyStore& store) : store_(store) {}

    Result<bool> create(const std::string& name, std::string_view bytes) override {
      return store_.step([&] {
        const auto [there, made] = store_.objects.try_emplace(name, bytes);
        return Result<bool>(made || there->second == bytes);
      });
    }
    Status put(const std::string& name, std::string_view bytes) override {
      return store_.step([&] {
        store_.objects[name] = std::string(bytes);
        return Status();
      });
    }
    Result<std::vector<LogObject>> list(const std::string& folder) override {
      return store_.step([&] {
        std::vector<LogObject> found;
        for (const auto& [name, bytes] : store_.objects) {
          if (name.starts_with(folder)) found.push_back({name, bytes.size(), "v"});
        }
        return Result<std::vector<LogObject>>(std::move(found));
      });
    }
    Status read(const std::vector<LogObject>& objects,
                const std::function<Status(std::size_t, std::string&&)>& take) override {
      for (std::size_t i = 0; i < objects.size(); ++i) {
        const auto found = store_.objects.find(objects[i].name);
        if (found == store_.objects.end()) {
          return Error{ErrorCode::kCorrupt, objects[i].name + " is not there"};
        }
        if (const Status taken = take(i, std::string(found->second)); !taken) return taken;
      }
      return {};
    }
    Status remove(const std::vector<std::string>& names) override {
      for (const std::string& name : names) {
        const Status removed = store_.step([&] {
          store_.objects.erase(name);
          return Status();
        });
        if (!removed) return removed;
      }
      return {};
    }
    Status remove_tree(const std::string& name) override {
      return store_.step([&] {
        std::erase_if(store_.objects, [&](const auto& one) {
          return one.first == name || one.first.starts_with(name + "/");
        });
        return Status();
      });
    }

   private:
    FaultyStore& store_;
  };

 private:
  std::mt19937_64 random_;
  std::int64_t steps_left_ = -1;
};

}  // namespace parallelrun
