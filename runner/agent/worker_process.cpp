#include "runner/agent/worker_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "runner/agent/orphans.h"

namespace parallelrun::agent {
namespace {

constexpr std::size_t kReadBytes = 256U << 10U;
constexpr std::size_t kFirstBuffer = 64U << 10U;
constexpr std::size_t kStderrTail = 8U << 10U;
constexpr int kReadsAtATime = 4;  // then others have their turn
// A grandchild outside the group may write for ever. A read of records gives one of them, and some hundreds
// wait at most.
constexpr int kReadsAtTheEnd = 64;
constexpr int kRecordsAtTheEnd = 2000;
constexpr int kStackSignal = SIGUSR2;
constexpr std::chrono::seconds kOrphanInterval{1};

}  // namespace

WorkerProcess::WorkerProcess(boost::asio::io_context& io, const Streams& streams, WorkerEvents& events)
    : io_(io), events_(&events), channel_(io), pidfd_(io), closed_timer_(io), orphan_timer_(io) {
  pipes_.push_back({Descriptor(io), &streams.out, Pipe::Kind::kText});
  pipes_.push_back({Descriptor(io), &streams.err, Pipe::Kind::kStderr});
  pipes_.push_back({Descriptor(io), &streams.entry_log, Pipe::Kind::kText});
  pipes_.push_back({Descriptor(io), &streams.metrics, Pipe::Kind::kRecords});
}

WorkerProcess::~WorkerProcess() {
  if (reaped_) return;
  ::kill(child_.pid, SIGKILL);  // one that has not reached its own group yet
  reap(child_);
}

Status WorkerProcess::start(const Launch& launch) {
  auto page = StampPage::create();
  if (!page) return page.error();
  stamp_page_ = std::make_unique<StampPage>(std::move(*page));
  auto sockets = make_stream_sockets();
  if (!sockets) return sockets.error();
  std::vector<DescriptorPair> outputs;
  for (const Pipe& one : pipes_) {
    auto pipe = one.kind == Pipe::Kind::kRecords ? make_record_sockets() : make_output_pipe();
    if (!pipe) return pipe.error();
    outputs.push_back(std::move(*pipe));
  }

  SpawnRequest request;
  request.exec_program = launch.exec_program;
  request.argv = launch.argv;
  request.environment = launch.environment;
  request.working_directory = launch.working_directory;
  request.memory_limit = launch.memory_limit;
  request.descriptors = {{outputs[0].theirs.get(), 1},
                         {outputs[1].theirs.get(), 2},
                         {sockets->theirs.get(), channel::kChannelFd},
                         {outputs[2].theirs.get(), channel::kEntryLogFd},
                         {stamp_page_->fd(), channel::kStampFd},
                         {outputs[3].theirs.get(), channel::kMetricsFd}};
  auto child = spawn(request);
  if (!child) return child.error();
  child_ = std::move(*child);
  reaped_ = false;

  channel_.assign(sockets->ours.release());
  pidfd_.assign(::dup(child_.pidfd.get()));
  for (std::size_t i = 0; i < pipes_.size(); ++i) {
    pipes_[i].descriptor.assign(outputs[i].ours.release());
    wait_for_output(i);
  }
  incoming_.resize(kFirstBuffer);
  wait_for_frames();
  wait_for_exit();
  reap_orphans_now_and_then();
  return {};
}

channel::Stamp WorkerProcess::stamp() const { return stamp_page_ ? stamp_page_->read() : channel::Stamp{}; }

std::string& WorkerProcess::outgoing() {
  if (!flush_posted_ && !write_waits_) {
    flush_posted_ = true;
    boost::asio::post(io_, [self = shared_from_this()] {
      self->flush_posted_ = false;
      self->flush();
    });
  }
  return pending_;
}

void WorkerProcess::flush() {
  while (channel_.is_open()) {
    if (written_ == writing_.size()) {
      writing_.clear();
      written_ = 0;
      if (pending_.empty()) return;
      std::swap(writing_, pending_);
    }
    const ssize_t n = ::send(channel_.native_handle(), writing_.data() + written_, writing_.size() - written_,
                             MSG_NOSIGNAL);
    if (n > 0) {
      written_ += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      write_waits_ = true;
      channel_.async_wait(Descriptor::wait_write,
                          [self = shared_from_this()](boost::system::error_code error) {
                            self->write_waits_ = false;
                            if (!error) self->flush();
                          });
      return;
    } else {
      return;  // the process is ending: its exit tells the rest
    }
  }
}

void WorkerProcess::wait_for_frames() {
  channel_.async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code error) {
    if (error) return;
    More more = More::kNow;
    for (int i = 0; i < kReadsAtATime && more == More::kNow; ++i) more = self->read_frames();
    if (self->events_ != nullptr) self->events_->on_frames_end();
    if (more == More::kEnd) {
      self->channel_closed();
    } else {
      self->wait_for_frames();
    }
  });
}

WorkerProcess::More WorkerProcess::read_frames() {
  if (!channel_.is_open()) return More::kLater;
  if (incoming_.size() - incoming_used_ < kFirstBuffer / 2) {
    incoming_.resize(std::min(incoming_.size() * 2, incoming_.size() + (64U << 20U)));
  }
  const std::size_t room = incoming_.size() - incoming_used_;
  const ssize_t n = ::recv(channel_.native_handle(), incoming_.data() + incoming_used_, room, 0);
  if (n == 0) return More::kEnd;
  if (n < 0) return errno == EINTR ? More::kNow : errno == EAGAIN ? More::kLater : More::kEnd;
  incoming_used_ += static_cast<std::size_t>(n);
  cut_frames();
  return More::kNow;
}

void WorkerProcess::cut_frames() {
  std::string_view rest(incoming_.data(), incoming_used_);
  while (events_ != nullptr) {
    auto frame = next_frame(rest);
    if (!frame) {
      events_->on_nonsense(frame.error().message);
      rest = {};
      break;
    }
    if (!frame->has_value()) break;
    events_->on_frame(**frame);
  }
  const std::size_t kept = rest.size();
  if (kept > 0 && rest.data() != incoming_.data()) std::copy(rest.begin(), rest.end(), incoming_.data());
  incoming_used_ = kept;
  // The room of one large result is not held for ever.
  if (kept == 0 && incoming_.size() > 16 * kFirstBuffer) std::string(kFirstBuffer, '\0').swap(incoming_);
}

// Usually the process is just ending. A script that closed the descriptor is found out after a second.
void WorkerProcess::channel_closed() {
  closed_timer_.expires_after(std::chrono::seconds(1));
  closed_timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error && !self->reaped_ && self->events_ != nullptr) {
      self->events_->on_nonsense("the end of its channel (file descriptor 3 was closed)");
    }
  });
}

void WorkerProcess::wait_for_output(std::size_t index) {
  pipes_[index].descriptor.async_wait(Descriptor::wait_read,
                                      [self = shared_from_this(), index](boost::system::error_code error) {
                                        if (error) return;
                                        Pipe& pipe = self->pipes_[index];
                                        if (self->read_output(pipe) == More::kEnd) {
                                          pipe.descriptor.close();
                                        } else {
                                          self->wait_for_output(index);
                                        }
                                      });
}

WorkerProcess::More WorkerProcess::read_output(Pipe& pipe) {
  if (!pipe.descriptor.is_open()) return More::kEnd;
  thread_local std::string buffer(kReadBytes, '\0');
  const ssize_t n = ::read(pipe.descriptor.native_handle(), buffer.data(), buffer.size());
  if (n == 0) return More::kEnd;
  if (n < 0) return errno == EINTR ? More::kNow : errno == EAGAIN ? More::kLater : More::kEnd;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
  pipe.log->append(bytes, now());
  if (pipe.kind == Pipe::Kind::kStderr) {
    stderr_tail_.append(bytes.size() > kStderrTail ? bytes.substr(bytes.size() - kStderrTail) : bytes);
    if (stderr_tail_.size() > 2 * kStderrTail) stderr_tail_.erase(0, stderr_tail_.size() - kStderrTail);
  }
  return More::kNow;
}

void WorkerProcess::dump_stack() {
  if (reaped_) return;
  stderr_tail_.clear();  // so that the tail is the dump
  ::syscall(SYS_pidfd_send_signal, child_.pidfd.get(), kStackSignal, nullptr, 0);
}

void WorkerProcess::kill() {
  if (reaped_) return;
  ::kill(-child_.pid, SIGKILL);
  // A child that has not reached its own group yet.
  ::syscall(SYS_pidfd_send_signal, child_.pidfd.get(), SIGKILL, nullptr, 0);
}

void WorkerProcess::wait_for_exit() {
  pidfd_.async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code error) {
    if (error) return;
    if (has_ended(self->child_)) return self->on_ended();
    self->wait_for_exit();
  });
}

// The daemons that a script starts and that end before it does are the agent's to reap.
void WorkerProcess::reap_orphans_now_and_then() {
  orphan_timer_.expires_after(kOrphanInterval);
  orphan_timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->reaped_) return;
    reap_orphans(self->child_.pid);
    self->reap_orphans_now_and_then();
  });
}

void WorkerProcess::on_ended() {
  const Ended ended = reap(child_);
  reaped_ = true;
  // What it said before it ended still counts. Nobody waits for the end of the pipes: a grandchild that
  // left the group may hold them.
  while (read_frames() == More::kNow) {
  }
  for (Pipe& pipe : pipes_) {
    const int most = pipe.kind == Pipe::Kind::kRecords ? kRecordsAtTheEnd : kReadsAtTheEnd;
    for (int i = 0; i < most && read_output(pipe) == More::kNow; ++i) {
    }
    pipe.descriptor.close();
  }
  channel_.close();
  pidfd_.close();
  closed_timer_.cancel();
  orphan_timer_.cancel();
  WorkerEvents* events = std::exchange(events_, nullptr);
  if (events == nullptr) return;
  ExitWords words = describe_exit(ended.info);
  if (stderr_tail_.size() > kStderrTail) stderr_tail_.erase(0, stderr_tail_.size() - kStderrTail);
  events->on_frames_end();
  events->on_exit({static_cast<std::uint64_t>(child_.pid), std::move(words.type), std::move(words.message),
                   std::move(stderr_tail_), stamp(), ended.peak_bytes});
}

}  // namespace parallelrun::agent
