#include "runner/process/stamp_page.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace parallelrun::process {
namespace {

// Release order: whoever sees a field sees all that was stored before it.
void store(std::uint64_t& field, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(field).store(value, std::memory_order_release);
}

}  // namespace

StampPage::StampPage(int fd) {
  void* page = ::mmap(nullptr, sizeof(channel::Stamp), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mapping the stamp page");
  stamp_ = static_cast<channel::Stamp*>(page);
}

StampPage::~StampPage() { ::munmap(stamp_, sizeof(channel::Stamp)); }

void StampPage::phase(channel::Phase phase, std::uint64_t now_ns) {
  store(stamp_->since_ns, now_ns);
  store(stamp_->phase, static_cast<std::uint64_t>(phase));
}

bool StampPage::begin(std::uint64_t task, std::uint64_t now_ns) {
  phase(channel::Phase::kLoading, now_ns);
  store(stamp_->items, 0);
  store(stamp_->task, task);
  ++begun_;
  return begun_ > std::atomic_ref<std::uint64_t>(stamp_->taken_back).load(std::memory_order_acquire);
}

void StampPage::enter_run(std::uint64_t items, std::uint64_t now_ns) {
  store(stamp_->items, items);
  phase(channel::Phase::kInRun, now_ns);
}

}  // namespace parallelrun::process
