#include "runner/agent/data_link.h"

#include <spdlog/spdlog.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "runner/protocol/process_failure_types.h"

namespace parallelrun::agent {
namespace {

constexpr std::chrono::milliseconds kAgain{200};

// What a trouble means for a mini-batch and the job.
FetchedData failed(const DataError& error) {
  FetchedData data;
  data.error = {ErrorPhase::kRead, std::string(kStoreError), error.message, ""};
  switch (error.kind) {
    case DataTrouble::kChanged:
    case DataTrouble::kMissing:
    case DataTrouble::kTooLarge:
      data.outcome = Outcome::kFailedForGood;
      break;
    case DataTrouble::kTimeout:
      data.outcome = Outcome::kTimedOut;
      data.error.type = "TimeoutExpired";
      break;
    case DataTrouble::kUnavailable:
    case DataTrouble::kBusy:  // nothing is fetched ahead here
      break;
    // The next mini-batch would meet the same.
    case DataTrouble::kAccessDenied:
    case DataTrouble::kDisk:
    case DataTrouble::kInvalid:
      data.ends_the_job = true;
      break;
  }
  return data;
}

}  // namespace

DataLink::DataLink(boost::asio::io_context& io, const ResolvedJob& job, std::string socket, Done done)
    : io_(io), job_(job), socket_path_(std::move(socket)), done_(std::move(done)), socket_(io), again_(io) {
  for (const Input& input : job.spec.inputs) formats_.push_back(open_format(input, job.spec.partition_keys));
  connect();
}

DataLink::~DataLink() { *alive_ = false; }

void DataLink::connect() {
  const std::uint64_t epoch = ++epoch_;
  socket_ = Socket(io_);
  socket_.async_connect(boost::asio::local::stream_protocol::endpoint(socket_path_),
                        [this, alive = alive_, epoch](boost::system::error_code error) {
                          if (!*alive || epoch != epoch_) return;
                          if (!error) return connected();
                          lost();
                        });
}

void DataLink::connected() {
  connected_ = true;
  received_.clear();
  unsent_.clear();
  in_flight_.clear();
  for (const auto& [attempt, fetch] : fetches_) {
    unsent_ += fetch.here ? adopt_request(attempt, fetch.input, fetch.paths) : fetch.request;
  }
  read();
  write();
}

void DataLink::lost() {
  if (connected_) spdlog::warn("the connection to the data process is lost; connecting again");
  connected_ = false;
  boost::system::error_code ignored;
  socket_.close(ignored);
  ++epoch_;
  again_.expires_after(kAgain);
  again_.async_wait([this, alive = alive_](boost::system::error_code cancelled) {
    if (*alive && !cancelled) connect();
  });
}

void DataLink::read() {
  socket_.async_read_some(
      boost::asio::buffer(block_),
      [this, alive = alive_, epoch = epoch_](boost::system::error_code error, std::size_t size) {
        if (!*alive || epoch != epoch_) return;
        if (error) return lost();
        received_.append(block_.data(), size);
        take_answers();
        if (*alive && epoch == epoch_) read();
      });
}

void DataLink::take_answers() {
  const auto alive = alive_;
  while (*alive) {
    Result<std::optional<DataAnswer>> next = next_answer(received_);
    if (!next) {
      spdlog::error("{}", next.error().message);
      return lost();
    }
    if (!*next) return;
    DataAnswer& answer = **next;
    const auto found = fetches_.find(answer.id);
    if (found == fetches_.end() || found->second.here) continue;  // given up meanwhile
    if (answer.error) {
      fail(answer.id, *answer.error);
      continue;
    }
    if (!answer.paths) continue;
    Fetch& fetch = found->second;
    fetch.here = true;
    fetch.paths = std::move(*answer.paths);
    FetchedData data;
    const InputFormat& format = *formats_[fetch.input_index];
    data.descriptor = fetch.kind == LeaseKind::kInferTypes
                          ? format.localized_sample(fetch.descriptor, fetch.paths)
                          : format.localized(fetch.descriptor, fetch.paths);
    done_(answer.id, std::move(data));
  }
}

void DataLink::fail(std::uint64_t attempt, const DataError& error) {
  fetches_.erase(attempt);
  done_(attempt, failed(error));
}

bool DataLink::fetch(const Lease& lease) {
  if (lease.input >= formats_.size()) return false;
  const bool sample = lease.kind == LeaseKind::kInferTypes;
  auto objects = sample ? formats_[lease.input]->sample_objects(lease.descriptor)
                        : formats_[lease.input]->objects_to_fetch(lease.descriptor);
  if (objects && objects->empty()) return false;
  Fetch& fetch = fetches_[lease.attempt];
  fetch.input = job_.spec.inputs[lease.input].name;
  fetch.input_index = lease.input;
  fetch.descriptor = lease.descriptor;
  fetch.kind = lease.kind;
  if (!objects) {
    boost::asio::post(io_, [this, alive = alive_, attempt = lease.attempt, words = objects.error().message] {
      if (*alive) fail(attempt, {DataTrouble::kMissing, words});
    });
    return true;
  }
  FetchRequest request{
      lease.attempt, fetch.input, std::move(*objects),
      static_cast<double>(job_.spec.task_overhead_timeout.count()),
      sample ? "the sample of input '" + fetch.input + "'" : "mini-batch " + to_string(lease.work)};
  fetch.request = fetch_request(request);
  if (connected_) send(fetch.request);
  return true;
}

void DataLink::release(std::uint64_t attempt) {
  const auto found = fetches_.find(attempt);
  if (found == fetches_.end()) return;
  // Mini-batches follow that read what a sample is of.
  const bool keep = found->second.kind == LeaseKind::kInferTypes;
  fetches_.erase(found);
  if (connected_) send(release_request(attempt, keep));
}

void DataLink::send(const std::string& frame) {
  unsent_ += frame;
  write();
}

void DataLink::write() {
  if (!in_flight_.empty() || unsent_.empty()) return;
  std::swap(in_flight_, unsent_);
  boost::asio::async_write(
      socket_, boost::asio::buffer(in_flight_),
      [this, alive = alive_, epoch = epoch_](boost::system::error_code error, std::size_t) {
        if (!*alive || epoch != epoch_) return;
        in_flight_.clear();
        if (error) return lost();
        write();
      });
}

}  // namespace parallelrun::agent
