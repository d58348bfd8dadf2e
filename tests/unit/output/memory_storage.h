// Storage in memory, for tests that look at or change the bytes. It keeps everything and never fails.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "runner/output/storage.h"
#include "runner/plan/plan_durability.h"

namespace parallelrun {

class MemoryStorage final : public Storage {
 public:
  std::map<std::string, std::shared_ptr<std::string>> files;

  std::string& at(const std::string& path) {
    auto& file = files[path];
    if (!file) file = std::make_shared<std::string>();
    return *file;
  }
  MemoryStorage copy() const {
    MemoryStorage other;
    for (const auto& [path, content] : files) other.files[path] = std::make_shared<std::string>(*content);
    return other;
  }

  Result<std::unique_ptr<File>> open(const std::string& path) override {
    at(path);
    return std::unique_ptr<File>(std::make_unique<OpenFile>(files[path]));
  }
  Result<bool> exists(const std::string& path) override { return files.count(path) > 0; }
  Status rename(const std::string& from, const std::string& to) override {
    files[to] = files.at(from);
    files.erase(from);
    return {};
  }
  Status remove(const std::string& path) override {
    files.erase(path);
    return {};
  }
  Status remove_tree(const std::string& path) override {
    std::erase_if(files,
                  [&](const auto& file) { return file.first == path || file.first.starts_with(path + "/"); });
    return {};
  }
  Status sync_folder_of(const std::string&) override { return {}; }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    std::vector<std::string> names;
    for (const auto& [path, content] : files) {
      if (path.starts_with(folder + "/")) names.push_back(path.substr(folder.size() + 1));
    }
    return names;
  }
  Status copy(const std::string& from, std::uint64_t length, const std::string& to) override {
    files[to] = std::make_shared<std::string>(at(from).substr(0, static_cast<std::size_t>(length)));
    return {};
  }
  std::string aside(const std::string& path) const override {
    return ".parallelrun/" + path.substr(path.rfind('/') + 1) + std::string(kAsideMark) + "memory";
  }
  Status still_ours() override { return {}; }

 private:
  class OpenFile final : public File {
   public:
    explicit OpenFile(std::shared_ptr<std::string> content) : content_(std::move(content)) {}
    Result<std::uint64_t> size() override { return content_->size(); }
    Status append(std::string_view bytes) override {
      content_->append(bytes);
      return {};
    }
    Result<std::size_t> read(std::uint64_t offset, char* buffer, std::size_t size) override {
      if (offset >= content_->size()) return std::size_t{0};
      const std::size_t got = std::min<std::size_t>(size, content_->size() - offset);
      std::memcpy(buffer, content_->data() + offset, got);
      return got;
    }
    Status truncate(std::uint64_t size) override {
      if (size < content_->size()) content_->resize(size);
      return {};
    }
    Status refresh(std::uint64_t, std::uint64_t) override { return {}; }
    Status sync() override { return {}; }

   private:
    std::shared_ptr<std::string> content_;
  };
};

class DurablePlan final : public PlanDurability {
 public:
  std::uint64_t asked = 0;
  std::uint64_t settled = 0;
  Status settle(std::uint64_t mini_batches) override {
    settled = mini_batches;
    return {};
  }
  Status make_durable(std::uint64_t mini_batches) override {
    asked = std::max(asked, mini_batches);
    return {};
  }
};

}  // namespace parallelrun
