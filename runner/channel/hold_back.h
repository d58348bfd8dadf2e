// How long a worker process may hold results back: the numbers, in one place. The agent tells them to each
// process in its configuration (kConfig, "hold_back"), so that both sides of the channel, in C++ and in
// Python, go by the same.
#pragma once

#include <cstddef>
#include <cstdint>

namespace parallelrun::channel {

// A system call and a wake-up of the agent for each of many thousand mini-batches a second would cost more
// than the mini-batches; a result that waits behind a long run() would be late. So results are held back only
// in a row of short tasks, and sent at once otherwise.
//
// A task counts as short below short_task_ns; after short_tasks of them in a row the next is expected to be
// short too, and results wait for up to hold_ns, or until there are more than hold_bytes. A task that breaks
// the expectation holds back what was there when it began, until it ends: the price of doing without a second
// thread, which would make os.fork() in the user's script warn.
struct HoldBack {
  std::uint64_t short_task_ns = 250'000;
  std::uint64_t short_tasks = 16;
  std::uint64_t hold_ns = 500'000;
  std::size_t hold_bytes = std::size_t{1} << 16U;
};

}  // namespace parallelrun::channel
