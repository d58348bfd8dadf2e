#include "runner/input/store_files.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "common/result/try.h"
#include "runner/input/byte_stream.h"

namespace parallelrun {

namespace {

constexpr std::size_t kMostWindows = 32;
constexpr std::uint64_t kLeastWindow = 64U << 10U;
// The data process bounds its tries; room in the cache comes when mini-batches are done.
constexpr double kNoEnd = 7.0 * 24 * 3600;

}  // namespace

class ObjectFile final : public TableFile {
 public:
  ObjectFile(StoreFiles& files, StoredObject object) : files_(files), object_(std::move(object)) {
    if (!object_.size) state_ = Error{ErrorCode::kIo, "its size is not known"};
  }

  std::uint64_t size() const override { return object_.size.value_or(0); }
  Status state() const override { return state_; }
  Result<std::size_t> read(std::uint64_t offset, char* into, std::size_t size) override {
    if (!state_) return state_.error();
    if (offset >= this->size()) return std::size_t{0};
    return files_.read(object_, offset, into, size);
  }

 private:
  StoreFiles& files_;
  StoredObject object_;
  Status state_;
};

StoreFiles::~StoreFiles() {
  release_if([](const Window&) { return true; });
}

std::unique_ptr<TableFile> StoreFiles::open(const std::string& path) {
  const StoredObject* known = find(path);
  StoredObject nothing;
  nothing.name = name_of(path);
  return std::make_unique<ObjectFile>(*this, known != nullptr ? *known : nothing);
}

std::string StoreFiles::name_of(const std::string& path) const {
  return path.starts_with(options_.address) ? path.substr(options_.address.size()) : path;
}

const StoredObject* StoreFiles::find(const std::string& path) const {
  const auto found = objects_.find(name_of(path));
  return found == objects_.end() ? nullptr : &found->second;
}

void StoreFiles::announce(const std::string& path, std::optional<std::uint64_t> size,
                          std::string_view version) {
  const std::string name = name_of(path);
  objects_.insert_or_assign(name, StoredObject{name, size, std::string(version)});
}

void StoreFiles::forget(const std::string& path) {
  const std::string name = name_of(path);
  objects_.erase(name);
  release_if([&](const Window& window) { return window.object.name == name; });
}

void StoreFiles::expect(const std::string& path, ByteRange range) {
  const StoredObject* object = find(path);
  if (!state_ || object == nullptr || !object->size) return;
  const std::uint64_t end = std::min(range.end(), *object->size);
  for (std::uint64_t at = range.offset; at < end; at = (at / options_.window + 1) * options_.window) {
    if (windows_.size() >= kMostWindows) return;
    if (find_window(object->name, at) == nullptr) ask(*object, at, true);
  }
}

Result<std::size_t> StoreFiles::read(const StoredObject& object, std::uint64_t offset, char* into,
                                     std::size_t size) {
  if (!state_) return state_.error();
  ASSIGN_OR_RETURN(Window* const window, window_at(object, offset));
  return FileStream(window->here.get(), offset, window->range().end()).read(into, size);
}

Result<StoreFiles::Window*> StoreFiles::window_at(const StoredObject& object, std::uint64_t offset) {
  Window* window = find_window(object.name, offset);
  if (window != nullptr && window == current_) return window;
  if (window == nullptr) window = &ask(object, offset, true);
  RETURN_IF_ERROR(wait_for(*window));
  while (window->error &&
         (window->error->kind == DataTrouble::kBusy ||
          (window->error->kind == DataTrouble::kTooLarge && options_.window > kLeastWindow))) {
    if (window->error->kind == DataTrouble::kTooLarge)
      options_.window = std::max(kLeastWindow, options_.window / 4);
    // Who waits for room must not take any.
    release_if([](const Window&) { return true; });
    window = &ask(object, offset, false);
    RETURN_IF_ERROR(wait_for(*window));
  }
  if (window->error) {
    const DataError error = *window->error;
    windows_.remove_if([window](const Window& one) { return &one == window; });
    return failed_with(error);
  }
  release_if([read = current_](const Window& one) { return &one == read; });
  current_ = window;
  expect(object.name, {window->range().end(), options_.windows_ahead * options_.window});
  return window;
}

StoreFiles::Window* StoreFiles::find_window(const std::string& name, std::uint64_t offset) {
  const auto found = std::find_if(windows_.begin(), windows_.end(), [&](const Window& window) {
    return window.object.name == name && window.range().offset <= offset && offset < window.range().end();
  });
  return found == windows_.end() ? nullptr : &*found;
}

StoreFiles::Window& StoreFiles::ask(const StoredObject& object, std::uint64_t offset, bool ahead) {
  const std::uint64_t begin = offset / options_.window * options_.window;
  const std::uint64_t end = std::min(begin + options_.window, *object.size);
  Window& window = windows_.emplace_back();
  window.id = ++requests_;
  window.object = object;
  window.object.ranges = {{begin, end - begin}};
  window.ahead = ahead;
  if (connection_) send(window);
  return window;
}

// Where this fails, the answer does, too.
void StoreFiles::send(const Window& window) {
  (void)connection_->send(fetch_request({window.id,
                                         options_.input,
                                         {window.object},
                                         kNoEnd,
                                         "a part of " + window.object.name + ", to cut it,",
                                         window.ahead}));
}

Status StoreFiles::connect() {
  ASSIGN_OR_RETURN(connection_, DataConnection::open(options_.socket, kDataPatience));
  for (Window& window : windows_) {
    if (!window.answered()) {
      send(window);
    } else {
      window.held = false;
    }
  }
  return {};
}

Status StoreFiles::wait_for(const Window& window) {
  while (!window.answered()) {
    if (!connection_) {
      if (Status connected = connect(); !connected) {
        state_ = connected;
        return state_;
      }
    }
    Result<DataAnswer> answer = connection_->receive();
    if (answer) {
      lost_ = 0;
      take(std::move(*answer));
      continue;
    }
    connection_.reset();
    if (++lost_ > kMostLostConnections) {
      state_ = answer.error();
      return state_;
    }
  }
  return {};
}

void StoreFiles::take(DataAnswer&& answer) {
  const auto window =
      std::find_if(windows_.begin(), windows_.end(), [&](const Window& one) { return one.id == answer.id; });
  if (window == windows_.end()) return;  // given up meanwhile
  if (answer.error) {
    window->error = std::move(answer.error);
    window->held = false;
  } else if (answer.paths && !answer.paths->empty()) {
    const std::string path = options_.directory + answer.paths->front();
    window->here = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!window->here) window->error = DataError{DataTrouble::kDisk, "'" + path + "' cannot be opened"};
  }
}

void StoreFiles::release_if(const std::function<bool(const Window&)>& chosen) {
  windows_.remove_if([&](const Window& window) {
    if (!chosen(window)) return false;
    release(window);
    return true;
  });
}

void StoreFiles::release(const Window& window) {
  if (&window == current_) current_ = nullptr;
  if (window.held && connection_)
    (void)connection_->send(release_request(window.id, options_.for_mini_batches));
}

// Of one object that is not what was listed the mini-batch fails that is made of it; the rest ends planning.
Error StoreFiles::failed_with(const DataError& error) {
  Error told{ErrorCode::kIo, error.message};
  if (error.kind != DataTrouble::kChanged && error.kind != DataTrouble::kMissing) state_ = told;
  return told;
}

}  // namespace parallelrun
