// Objects of a store as tables that are cut: the data process fetches what is read, window by window, into
// files here. No object is held as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/posix/file_descriptor.h"
#include "runner/input/table_file.h"
#include "runner/store/data_connection.h"

namespace parallelrun {

// Paths are the objects' names, behind Options::address. What was read stays in the cache for the
// mini-batches while there is room. Waits for the data process, and for room in its cache: then it holds
// nothing itself, so that mini-batches get on. After a new start of the data process it asks again for the
// parts that are missing. One thread at a time.
class StoreFiles final : public TableFiles {
 public:
  struct Options {
    std::string socket;               // of the data process
    std::string input;                // its name there
    std::string directory;            // where its objects become files: absolute, ends in '/'
    std::uint64_t window = 64 << 10;  // bytes that are fetched at a time; fewer where the cache is small
    std::uint64_t windows_ahead = 0;  // of the same object, while one is read
    std::string address = {};         // what paths begin with, for messages; empty: nothing
    bool for_mini_batches = true;     // which read the same bytes again
  };

  explicit StoreFiles(Options options) : options_(std::move(options)) {}
  ~StoreFiles() override;

  std::unique_ptr<TableFile> open(const std::string& path) override;
  void announce(const std::string& path, std::optional<std::uint64_t> size,
                std::string_view version) override;
  void forget(const std::string& path) override;
  void expect(const std::string& path, ByteRange range) override;
  bool are_in_parts() const override { return true; }
  // Errors: kIo, with the data process' sentence; kUnavailable where it is not reached.
  Status state() const override { return state_; }

  const Options& options() const { return options_; }
  // Of an object that is announced; null: it is not.
  const StoredObject* find(const std::string& path) const;

 private:
  friend class ObjectFile;
  struct Window {
    std::uint64_t id = 0;  // of the request
    StoredObject object;   // with the one range that is asked for
    bool ahead = false;
    bool held = true;  // by the data process
    FileDescriptor here = {};
    std::optional<DataError> error = {};

    const ByteRange& range() const { return object.ranges->front(); }
    bool answered() const { return here || error.has_value(); }
  };

  std::string name_of(const std::string& path) const;
  Result<std::size_t> read(const StoredObject& object, std::uint64_t offset, char* into, std::size_t size);
  Result<Window*> window_at(const StoredObject& object, std::uint64_t offset);
  Window* find_window(const std::string& name, std::uint64_t offset);
  Window& ask(const StoredObject& object, std::uint64_t offset, bool ahead);
  void send(const Window& window);
  Status wait_for(const Window& window);
  Status connect();
  void take(DataAnswer&& answer);
  void release_if(const std::function<bool(const Window&)>& chosen);
  void release(const Window& window);
  Error failed_with(const DataError& error);

  Options options_;
  std::optional<DataConnection> connection_;
  std::map<std::string, StoredObject> objects_;
  std::list<Window> windows_;
  const Window* current_ = nullptr;  // the one that was read last
  std::uint64_t requests_ = 0;
  int lost_ = 0;  // connections since the last answer
  Status state_;
};

}  // namespace parallelrun
