#include "runner/web/refused_world.h"

#include <utility>

namespace parallelrun::web {
namespace {

class RefusedWorld final : public World {
 public:
  explicit RefusedWorld(std::string sentence) : sentence_(std::move(sentence)) {}

  void describe(nlohmann::ordered_json&) const override {}
  bool owns(const std::string&) const override { return false; }
  JobLines jobs() override { return {{}, {sentence_}}; }
  Changes changes(std::uint64_t, const std::vector<std::string>&) override {
    Changes changes;
    changes.version = 1;
    return changes;
  }
  Result<nlohmann::ordered_json> job(const std::string&) override { return refused(); }
  Result<nlohmann::ordered_json> answer(const std::string&, const std::string&, const Target&) override {
    return refused();
  }
  void follow(std::vector<FollowedLog>&) override {}
  Result<Deed> act(const std::string&, const std::string&, const nlohmann::json&) override {
    return refused();
  }

 private:
  Error refused() const { return {ErrorCode::kNotFound, sentence_, false}; }

  const std::string sentence_;
};

}  // namespace

std::unique_ptr<World> make_refused_world(std::string sentence) {
  return std::make_unique<RefusedWorld>(std::move(sentence));
}

}  // namespace parallelrun::web
