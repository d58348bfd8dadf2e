// The built-in module `_parallelrun_channel` of the embedded interpreter: the agent's channel and the
// stamp page with the interface of runner/python/parallelrun_worker/frames.py, without its cost.
#include <pybind11/embed.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "runner/process/frame_reader.h"
#include "runner/process/result_buffer.h"
#include "runner/process/stamp_page.h"
#include "runner/wire/wire.h"

namespace py = pybind11;

namespace parallelrun::process {
namespace {

constexpr std::uint8_t kFileSet = 1;  // DescriptorKind of runner/input/descriptor_kind.h

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// What a descriptor stands for; zeros when it is closed.
std::pair<dev_t, ino_t> identity(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

py::str path_from(std::string_view root, std::string_view directory, std::string_view name,
                  std::string& scratch) {
  scratch.assign(root).append(directory).append(name);
  PyObject* path = PyUnicode_DecodeFSDefaultAndSize(scratch.data(), static_cast<Py_ssize_t>(scratch.size()));
  if (path == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(path);
}

// The paths of a FileSet descriptor below `root`, or None when it is broken.
py::object decode_files(std::string_view descriptor, std::string_view root) {
  wire::Reader reader(descriptor);
  if (reader.u8() != kFileSet) return py::none();
  py::list paths;
  std::string scratch;
  constexpr std::size_t kSmallestGroup = 4 + 4;
  reader.repeated(kSmallestGroup, [&] {
    const std::string_view directory = reader.bytes();
    std::string_view names = reader.bytes();
    while (!names.empty()) {
      const std::size_t end = names.find('\0');
      paths.append(path_from(root, directory, names.substr(0, end), scratch));
      if (end == std::string_view::npos) break;
      names.remove_prefix(end + 1);
    }
    return reader.ok();
  });
  if (!reader.done()) return py::none();
  return paths;
}

py::bytes bytes_from(std::string_view data) { return {data.data(), data.size()}; }

std::string_view view_of(const py::bytes& data) {
  return {PyBytes_AS_STRING(data.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(data.ptr()))};
}

// As in frames.py: the main thread alone uses it.
class Channel {
 public:
  Channel(int channel_fd, int stamp_fd)
      : fd_(channel_fd), identity_(identity(channel_fd)), reader_(channel_fd), stamp_(stamp_fd) {}

  // At the start, before the first result: what the agent's configuration says.
  void hold_back(std::uint64_t short_task_ns, std::uint64_t short_tasks, std::uint64_t hold_ns,
                 std::size_t hold_bytes) {
    results_ = ResultBuffer({short_task_ns, short_tasks, hold_ns, hold_bytes});
  }

  py::object next() {
    for (;;) {
      if (const auto frame = reader_.next()) {
        if (frame->kind == channel::Frame::kRun && frame->payload.size() >= kRunHead) {
          if (!take_up(frame->payload)) continue;
          return begin(frame->payload);
        }
        if (frame->kind == channel::Frame::kInferTypes && frame->payload.size() >= kTaskBytes) {
          flush();
          if (!take_up(frame->payload)) continue;
        }
        if (frame->kind != channel::Frame::kInputInfo) flush();
        return py::make_tuple(static_cast<int>(frame->kind), bytes_from(frame->payload));
      }
      FrameReader::Outcome outcome = reader_.read(false);
      if (outcome == FrameReader::Outcome::kNothing) {
        flush();
        const py::gil_scoped_release unlocked;
        outcome = reader_.read(true);
      }
      if (outcome == FrameReader::Outcome::kEnd) return py::none();
      if (outcome == FrameReader::Outcome::kInterrupted && PyErr_CheckSignals() != 0) {
        throw py::error_already_set();
      }
    }
  }

  void stamp_load() { stamp_.phase(channel::Phase::kLoading, clock_ns(CLOCK_MONOTONIC)); }
  void stamp_init() { stamp_.phase(channel::Phase::kInit, clock_ns(CLOCK_MONOTONIC)); }
  void stamp_idle() { stamp_.phase(channel::Phase::kIdle, clock_ns(CLOCK_MONOTONIC)); }

  void enter_run(std::uint64_t items) {
    run_entry_ns_ = clock_ns(CLOCK_MONOTONIC);
    stamp_.enter_run(items, run_entry_ns_);
  }

  // False in a child that the script has forked, which has no say.
  bool leave_run() {
    if (::getpid() != owner_) return false;
    const std::uint64_t now = clock_ns(CLOCK_MONOTONIC);
    run_ns_ = now - run_entry_ns_;
    stamp_.phase(channel::Phase::kFinishing, now);
    std::fflush(nullptr);
    return true;
  }

  void result(std::uint64_t items, std::uint64_t returned, const py::bytes& rows) {
    std::string head = end_task();
    wire::Writer writer(head);
    writer.u64(items);
    writer.u64(returned);
    add(channel::Frame::kResult, head, view_of(rows));
  }

  void failed(std::uint64_t items, const py::bytes& error) {
    std::string head = end_task();
    wire::Writer(head).u64(items);
    add(channel::Frame::kFailed, head, view_of(error));
  }

  void send(int kind, const py::bytes& payload) {
    results_.add(static_cast<channel::Frame>(kind), {}, view_of(payload));
    flush();
  }

  void flush() {
    // A child that the script has forked has a copy of what is held back, and no say.
    if (results_.empty() || ::getpid() != owner_) return;
    std::string_view unsent = results_.bytes();
    while (!unsent.empty()) {
      ssize_t sent = 0;
      {
        const py::gil_scoped_release unlocked;
        sent = ::send(fd_, unsent.data(), unsent.size(), MSG_NOSIGNAL);
      }
      if (sent >= 0) {
        unsent.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "writing to the agent");
      } else if (PyErr_CheckSignals() != 0) {
        // What was sent must not be sent twice: the stream would be cut in the middle of a frame.
        throw py::error_already_set();
      }
    }
    results_.clear();
  }

 private:
  static constexpr std::size_t kTaskBytes = 8;
  static constexpr std::size_t kRunHead = 20;

  // Stamps the task that `payload` begins with. False: the agent has taken it back, which is said to it.
  bool take_up(std::string_view payload) {
    const std::uint64_t task = wire::Reader(payload).u64();
    std::uint64_t now = clock_ns(CLOCK_MONOTONIC);
    // Before the stamp: results of others that cannot be sent are no fault of this task.
    if (results_.due(now)) {
      flush();
      now = clock_ns(CLOCK_MONOTONIC);
    }
    if (stamp_.begin(task, now)) {
      task_ = task;
      started_ns_ = now;
      return true;
    }
    stamp_.phase(channel::Phase::kIdle, now);
    results_.add(channel::Frame::kSkipped, payload.substr(0, kTaskBytes), {});
    return false;
  }

  py::object begin(std::string_view payload) {
    wire::Reader reader(payload);
    reader.u64();  // the task, which is stamped
    const std::uint64_t mini_batch = reader.u64();
    const std::uint32_t input = reader.u32();
    const std::string_view descriptor = reader.rest();
    started_unix_ns_ = clock_ns(CLOCK_REALTIME);
    started_cpu_ns_ = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    run_ns_ = 0;
    return py::make_tuple(static_cast<int>(channel::Frame::kRun), mini_batch, input, bytes_from(descriptor));
  }

  // The task is over: its Timing.
  std::string end_task() {
    const std::uint64_t now = clock_ns(CLOCK_MONOTONIC);
    const std::uint64_t duration = now - started_ns_;
    results_.task_ended(now, duration);
    std::string timing;
    wire::Writer writer(timing);
    writer.u64(task_);
    writer.i64(static_cast<std::int64_t>(started_unix_ns_ / 1000));
    writer.u64(duration / 1000);
    writer.u64((clock_ns(CLOCK_PROCESS_CPUTIME_ID) - started_cpu_ns_) / 1000);
    writer.u64(run_ns_ / 1000);
    return timing;
  }

  void add(channel::Frame kind, std::string_view head, std::string_view body) {
    // Found out here, it costs the task that did it, and not those whose results are still held.
    if (identity(fd_) != identity_) {
      stamp_.phase(channel::Phase::kCut, clock_ns(CLOCK_MONOTONIC));
      throw std::system_error(ECONNABORTED, std::generic_category(), "the channel was closed or replaced");
    }
    results_.add(kind, head, body);
    if (results_.full()) flush();
    stamp_idle();
  }

  int fd_;
  pid_t owner_ = ::getpid();
  std::pair<dev_t, ino_t> identity_;
  FrameReader reader_;
  StampPage stamp_;
  ResultBuffer results_;
  std::uint64_t task_ = 0;
  std::uint64_t started_ns_ = 0;
  std::uint64_t started_unix_ns_ = 0;
  std::uint64_t started_cpu_ns_ = 0;
  std::uint64_t run_entry_ns_ = 0;
  std::uint64_t run_ns_ = 0;
};

}  // namespace
}  // namespace parallelrun::process

using parallelrun::process::Channel;

PYBIND11_EMBEDDED_MODULE(_parallelrun_channel, module) {
  module.doc() = "The channel to the agent and the stamp page, in C++.";
  // As Python raises it: BrokenPipeError when the agent is gone.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): the signature is pybind11's
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::system_error& error) {
      errno = error.code().value();
      PyErr_SetFromErrno(PyExc_OSError);
    }
  });
  module.def("decode_files", [](const py::bytes& descriptor, const py::bytes& root) {
    return parallelrun::process::decode_files(parallelrun::process::view_of(descriptor),
                                              parallelrun::process::view_of(root));
  });
  py::class_<Channel>(module, "Channel")
      .def(py::init<int, int>(), py::arg("channel_fd"), py::arg("stamp_fd"))
      .def("hold_back", &Channel::hold_back, py::kw_only(), py::arg("short_task_ns"), py::arg("short_tasks"),
           py::arg("hold_ns"), py::arg("hold_bytes"))
      .def("next", &Channel::next)
      .def("stamp_load", &Channel::stamp_load)
      .def("stamp_init", &Channel::stamp_init)
      .def("stamp_idle", &Channel::stamp_idle)
      .def("enter_run", &Channel::enter_run)
      .def("leave_run", &Channel::leave_run)
      .def("result", &Channel::result)
      .def("failed", &Channel::failed)
      .def("send", &Channel::send)
      .def("flush", &Channel::flush);
}
