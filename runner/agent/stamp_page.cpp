#include "runner/agent/stamp_page.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace parallelrun::agent {
namespace {

constexpr std::size_t kPageBytes = 4096;

std::uint64_t load(const std::uint64_t& field) { return __atomic_load_n(&field, __ATOMIC_SEQ_CST); }

}  // namespace

Result<StampPage> StampPage::create() {
  const auto failed = [] {
    return Error{ErrorCode::kIo, std::string("cannot make a stamp page: ") + std::strerror(errno)};
  };
  const int low = ::memfd_create("parallelrun-stamp", MFD_CLOEXEC);
  if (low < 0) return failed();
  const FileDescriptor low_owner(low);
  FileDescriptor fd(::fcntl(low, F_DUPFD_CLOEXEC, 10));
  if (!fd || ::ftruncate(fd.get(), kPageBytes) != 0) return failed();
  void* page = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (page == MAP_FAILED) return failed();
  return StampPage(std::move(fd), static_cast<channel::Stamp*>(page));
}

StampPage::StampPage(StampPage&& other) noexcept
    : fd_(std::move(other.fd_)), page_(std::exchange(other.page_, nullptr)) {}

StampPage::~StampPage() {
  if (page_ != nullptr) ::munmap(page_, kPageBytes);
}

void StampPage::take_back(std::uint64_t tasks) {
  __atomic_store_n(&page_->taken_back, tasks, __ATOMIC_SEQ_CST);
}

channel::Stamp StampPage::read() const {
  channel::Stamp stamp{};
  // Bounded: a page that never holds still is a process that is making progress.
  for (int i = 0; i < 8; ++i) {
    stamp.phase = load(page_->phase);
    stamp.task = load(page_->task);
    stamp.since_ns = load(page_->since_ns);
    stamp.items = load(page_->items);
    if (load(page_->phase) == stamp.phase && load(page_->task) == stamp.task &&
        load(page_->since_ns) == stamp.since_ns) {
      return stamp;
    }
  }
  stamp.phase = static_cast<std::uint64_t>(channel::Phase::kIdle);
  return stamp;
}

}  // namespace parallelrun::agent
