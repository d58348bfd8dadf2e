#include "runner/output/logged_storage.h"

#include <algorithm>
#include <utility>

#include "common/result/try.h"

namespace parallelrun {
namespace {

// What lies beside it is put into the store for people when the job ends, under the same name.
bool is_of_the_runner(const std::string& path) { return path.starts_with(".parallelrun/"); }

}  // namespace

class LoggedStorage::LoggedFile final : public File {
 public:
  LoggedFile(std::unique_ptr<File> file, std::uint64_t end, Path path, LoggedStorage& owner)
      : file_(std::move(file)), end_(end), path_(std::move(path)), owner_(owner) {}

  Result<std::uint64_t> size() override { return file_->size(); }
  Status append(std::string_view bytes) override {
    RETURN_IF_ERROR(file_->append(bytes));
    const std::uint64_t offset = std::exchange(end_, end_ + bytes.size());
    const std::string path = name();
    return path.empty() ? Status() : owner_.log_.append(path, offset, bytes);
  }
  Result<std::size_t> read(std::uint64_t offset, char* buffer, std::size_t size) override {
    return file_->read(offset, buffer, size);
  }
  Status truncate(std::uint64_t size) override {
    RETURN_IF_ERROR(file_->truncate(size));
    end_ = size;
    const std::string path = name();
    return path.empty() ? Status() : owner_.log_.truncate(path, size);
  }
  // What is in the log is in the store.
  Status refresh(std::uint64_t, std::uint64_t) override { return {}; }
  Status sync() override { return {}; }

 private:
  std::string name() const {
    const std::lock_guard naming(owner_.naming_);
    return *path_;
  }

  std::unique_ptr<File> file_;
  std::uint64_t end_;
  const Path path_;
  LoggedStorage& owner_;
};

Result<std::unique_ptr<File>> LoggedStorage::open(const std::string& path) {
  ASSIGN_OR_RETURN(const bool there, local_.exists(path));
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, local_.open(path));
  ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
  // It is there from now on, though it is empty.
  if (!there) RETURN_IF_ERROR(log_.truncate(path, 0));
  const std::lock_guard naming(naming_);
  std::erase_if(open_, [](const auto& one) { return one.expired(); });
  Path name = std::make_shared<std::string>(path);
  open_.push_back(name);
  return std::unique_ptr<File>(std::make_unique<LoggedFile>(std::move(file), size, std::move(name), *this));
}

// An open file keeps its content under its new name; what is replaced or removed is nobody's any more.
void LoggedStorage::moved(const std::string& from, const std::string& to) {
  const std::lock_guard naming(naming_);
  for (const std::weak_ptr<std::string>& one : open_) {
    const Path path = one.lock();
    if (!path) continue;
    if (*path == to) {
      path->clear();
    } else if (*path == from) {
      *path = to;
    }
  }
}

Status LoggedStorage::rename(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(local_.rename(from, to));
  moved(from, to);
  return log_.rename(from, to);
}

Status LoggedStorage::remove(const std::string& path) {
  RETURN_IF_ERROR(local_.remove(path));
  moved(path, {});
  if (!is_of_the_runner(path)) RETURN_IF_ERROR(store_.remove({path}));
  return log_.remove(path);
}

Status LoggedStorage::remove_tree(const std::string& path) {
  RETURN_IF_ERROR(local_.remove_tree(path));
  moved(path, {});
  if (!is_of_the_runner(path)) RETURN_IF_ERROR(store_.remove_tree(path));
  return log_.remove_tree(path);
}

Status LoggedStorage::copy(const std::string& from, std::uint64_t length, const std::string& to) {
  RETURN_IF_ERROR(local_.copy(from, length, to));
  return log_.copy(from, length, to);
}

Status LoggedStorage::still_ours() {
  RETURN_IF_ERROR(log_.still_ours());
  return local_.still_ours();
}

Status LoggedStorage::fence() {
  RETURN_IF_ERROR(local_.still_ours());
  return log_.ship();
}

}  // namespace parallelrun
