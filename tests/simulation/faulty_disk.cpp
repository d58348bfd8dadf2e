#include "tests/simulation/faulty_disk.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace parallelrun::simulation {

class FaultyDisk::OpenFile final : public File {
 public:
  OpenFile(FaultyDisk& disk, std::shared_ptr<Inode> inode, bool data)
      : disk_(disk), inode_(std::move(inode)), data_(data) {}

  Result<std::uint64_t> size() override { return inode_->seen.size(); }

  Status append(std::string_view bytes) override {
    const bool dies = disk_.dies_now();
    const std::uint64_t used = disk_.used();
    const std::uint64_t room = disk_.faults.capacity > used ? disk_.faults.capacity - used : 0;
    const bool full = bytes.size() > room;
    auto part = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, bytes.size())));
    if (dies) part = part.substr(0, disk_.dice_.between(0, part.size()));
    write({inode_->seen.size(), std::string(part), false});
    if (dies) throw Killed{};
    if (full) return Error{ErrorCode::kNoSpace, "the simulated disk is full"};
    return {};
  }

  Result<std::size_t> read(std::uint64_t offset, char* buffer, std::size_t size) override {
    if (offset >= inode_->seen.size()) return std::size_t{0};
    const std::size_t got = std::min<std::size_t>(size, inode_->seen.size() - offset);
    std::copy_n(inode_->seen.data() + offset, got, buffer);
    return got;
  }

  Status truncate(std::uint64_t size) override {
    disk_.step();
    write({size, {}, true});
    return {};
  }

  Status refresh(std::uint64_t offset, std::uint64_t size) override {
    disk_.step();
    write({offset, inode_->seen.substr(offset, size), false});
    return {};
  }

  Status sync() override {
    disk_.step();
    if (disk_.dice_.chance(disk_.faults.sync_fails)) {
      // As Linux does: what could not be written stays visible, is taken for clean and is never written.
      disk_.keep_some(*inode_, false);
      return Error{ErrorCode::kIo, "the simulated disk fails to sync"};
    }
    if (data_ && disk_.dice_.chance(disk_.faults.lies)) return {};
    for (const Write& write : inode_->pending) apply(write, inode_->durable);
    inode_->pending.clear();
    return {};
  }

 private:
  void write(Write write) {
    apply(write, inode_->seen);
    inode_->pending.push_back(std::move(write));
  }

  FaultyDisk& disk_;
  std::shared_ptr<Inode> inode_;
  bool data_;
};

bool FaultyDisk::holds_data(const std::string& path) { return folder_of(path).empty(); }

void FaultyDisk::apply(const Write& write, std::string& content) {
  if (write.cuts) {
    if (content.size() > write.offset) content.resize(write.offset);
    return;
  }
  if (content.size() < write.offset + write.bytes.size())
    content.resize(write.offset + write.bytes.size(), '\0');
  content.replace(write.offset, write.bytes.size(), write.bytes);
}

bool FaultyDisk::dies_now() {
  if (pause_left_ >= 0 && pause_left_-- == 0) std::exchange(meanwhile_, nullptr)();
  if (steps_left_ < 0) return false;
  return steps_left_-- == 0;
}

void FaultyDisk::lose_power() {
  std::set<std::string> folders;
  for (const NameChange& change : pending_names_) folders.insert(change.folder);
  for (const std::string& folder : folders) {
    std::vector<const NameChange*> changes;
    for (const NameChange& change : pending_names_) {
      if (change.folder == folder) changes.push_back(&change);
    }
    const std::size_t kept = dice_.between(0, changes.size());
    for (std::size_t i = 0; i < kept; ++i) apply(*changes[i], durable_names_);
  }
  pending_names_.clear();
  names_ = durable_names_;

  for (auto& [name, inode] : names_) {
    keep_some(*inode, true);
    inode->seen = inode->durable;
  }
}

// A part of it, the length of all of it with zeroes, or a part from its middle on.
FaultyDisk::Write FaultyDisk::torn(const Write& write, const std::string& durable) {
  Write torn = write;
  const std::size_t at = dice_.between(0, torn.bytes.size() - 1);
  // What was on the disk before stays there: zeroes are read only where the file had not reached before.
  const auto forget = [&](std::size_t first, std::size_t past) {
    for (std::size_t i = first; i < past; ++i) {
      const std::uint64_t place = torn.offset + i;
      torn.bytes[i] = place < durable.size() ? durable[place] : '\0';
    }
  };
  if (dice_.chance(0.5)) {
    torn.bytes.resize(at);
  } else if (dice_.chance(0.5)) {
    forget(at, torn.bytes.size());
  } else {
    forget(0, at + 1);
  }
  return torn;
}

// Cuts are changes of the file system's own records, which it keeps in order: those before some moment are
// done. A sync that fails has done them all; one that did not would have the file system stop.
void FaultyDisk::keep_some(Inode& inode, bool tear) {
  const std::vector<Write> pending = std::exchange(inode.pending, {});
  const bool any = dice_.chance(0.5);
  const std::size_t kept = dice_.between(0, pending.size());
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const Write& write = pending[i];
    if (write.cuts) {
      if (i < kept || !tear) apply(write, inode.durable);
      continue;
    }
    const bool whole = any ? dice_.chance(0.5) : i < kept;
    const bool part = tear && !whole && !write.bytes.empty() && (any ? dice_.chance(0.3) : i == kept);
    if (whole) {
      apply(write, inode.durable);
    } else if (part) {
      apply(torn(write, inode.durable), inode.durable);
    }
  }
}

bool FaultyDisk::rot(const std::string& path, std::uint64_t past) {
  const auto found = names_.find(path);
  if (found == names_.end()) return false;
  Inode& inode = *found->second;
  past = std::min<std::uint64_t>(past, inode.durable.size());
  if (past == 0) return false;
  const std::size_t at = dice_.between(0, past - 1);
  const char bit = static_cast<char>(1U << dice_.between(0, 7));
  inode.durable[at] = static_cast<char>(inode.durable[at] ^ bit);
  if (at < inode.seen.size()) inode.seen[at] = static_cast<char>(inode.seen[at] ^ bit);
  return true;
}

std::string FaultyDisk::content(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? std::string() : found->second->seen;
}

std::uint64_t FaultyDisk::used() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, inode] : names_) bytes += inode->seen.size();
  return bytes;
}

std::string FaultyDisk::folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

void FaultyDisk::apply(const NameChange& change, Names& names) {
  if (change.inode) {
    names[change.name] = change.inode;
  } else {
    names.erase(change.name);
  }
  if (!change.renamed_from.empty()) names.erase(change.renamed_from);
}

void FaultyDisk::change_name(const std::string& path, std::shared_ptr<Inode> inode,
                             std::string renamed_from) {
  pending_names_.push_back({folder_of(path), path, std::move(inode), std::move(renamed_from)});
  apply(pending_names_.back(), names_);
}

Result<std::unique_ptr<File>> FaultyDisk::open(const std::string& path) {
  if (names_.count(path) == 0) {
    step();
    // Whoever was paused here finds what a successor has created meanwhile: that is one step of the system.
    if (names_.count(path) == 0) change_name(path, std::make_shared<Inode>());
  }
  return std::unique_ptr<File>(std::make_unique<OpenFile>(*this, names_[path], holds_data(path)));
}

Status FaultyDisk::rename(const std::string& from, const std::string& to) {
  step();
  const auto found = names_.find(from);
  if (found == names_.end()) return Error{ErrorCode::kIo, "no file " + from};
  change_name(to, found->second, from);
  return {};
}

Status FaultyDisk::remove(const std::string& path) {
  step();
  if (names_.count(path) > 0) change_name(path, nullptr);
  return {};
}

Status FaultyDisk::sync_folder_of(const std::string& path) {
  step();
  const std::string folder = folder_of(path);
  // After an error the changes are still to be made durable: they are the file system's own records.
  const bool fails = dice_.chance(faults.folder_sync_fails);
  std::size_t kept = fails ? dice_.between(0, pending_names_.size()) : pending_names_.size();
  std::vector<NameChange> rest;
  for (NameChange& change : pending_names_) {
    if (change.folder != folder || kept == 0) {
      rest.push_back(std::move(change));
    } else {
      apply(change, durable_names_);
      --kept;
    }
  }
  pending_names_ = std::move(rest);
  if (fails) return Error{ErrorCode::kIo, "the simulated disk fails to sync a folder"};
  return {};
}

std::vector<std::string> FaultyDisk::list(const std::string& folder) const {
  std::vector<std::string> names;
  for (const auto& [path, inode] : names_) {
    if (folder_of(path) == folder) names.push_back(path.substr(folder.size() + 1));
  }
  return names;
}

Status FaultyDisk::copy(const std::string& from, std::uint64_t length, const std::string& to) {
  const std::string bytes = content(from).substr(0, static_cast<std::size_t>(length));
  if (has(to)) return Error{ErrorCode::kIo, "there is a file " + to};
  auto file = open(to);
  if (!file) return file.error();
  if (auto done = (*file)->append(bytes); !done) return done;
  return (*file)->sync();
}

Status FaultyDisk::still_ours(std::uint64_t process) {
  step();
  if (process == owner_) return {};
  return Error{ErrorCode::kAborted, "a successor has the directory"};
}

}  // namespace parallelrun::simulation
