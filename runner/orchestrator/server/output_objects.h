// The objects of an output in a store: what the orchestrator asks the data process for, which has the
// credentials.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/output/log_store.h"
#include "runner/store/data_connection.h"

namespace parallelrun::orchestrator {

// One thread at a time.
class OutputObjects final : public LogStore {
 public:
  // Connects with the first call. `socket`: the data process'.
  explicit OutputObjects(std::string socket) : socket_(std::move(socket)) {}

  Result<bool> create(const std::string& name, std::string_view bytes) override;
  Status put(const std::string& name, std::string_view bytes) override;
  Result<std::vector<LogObject>> list(const std::string& folder) override;
  // An object that is large comes in several pieces, in order.
  Status read(const std::vector<LogObject>& objects,
              const std::function<Status(std::size_t, std::string&&)>& take) override;
  // Bytes of one version of an object, in pieces, in order. Errors: as read().
  Status read_part(const LogObject& object, const ByteRange& range,
                   const std::function<Status(std::string&&)>& take);
  Status remove(const std::vector<std::string>& names) override;
  Status remove_tree(const std::string& name) override;

  // Nothing: there is no such object.
  Result<std::optional<LogObject>> facts(const std::string& name);
  struct Upload {
    std::string name;
    std::string path;  // of a file of this machine
  };
  // Makes or replaces objects by files, several at a time; each is there whole or not at all. `done` hears of
  // each, in order.
  Status upload(const std::vector<Upload>& files,
                const std::function<Status(std::size_t, const LogObject&)>& done);

 private:
  using Frame = std::function<std::string(std::uint64_t id)>;
  using Take = std::function<Status(std::size_t index, DataAnswer&&)>;
  // Asks for all, several at a time, and again where the data process was started again. Answers are taken in
  // the order of the requests.
  Status ask_all(const std::vector<Frame>& requests, std::size_t at_once, const Take& take);
  Result<DataAnswer> ask(const Frame& request);
  Status connect();

  const std::string socket_;
  std::optional<DataConnection> connection_;
  std::uint64_t last_id_ = 0;
};

}  // namespace parallelrun::orchestrator
