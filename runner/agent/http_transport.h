// The transport of a real agent: one HTTP connection for each lane, and a timer. Runs on the thread of the
// io_context; nothing is called back after it is destroyed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "runner/agent/link_transport.h"
#include "runner/protocol/protocol_client.h"

namespace parallelrun::agent {

class HttpTransport : public LinkTransport {
 public:
  // Errors: those of ProtocolClient::create. `io` must outlive the transport.
  static Result<std::unique_ptr<HttpTransport>> create(boost::asio::io_context& io,
                                                       const ProtocolClient::Options& options);

  void post(Lane lane, const std::string& path, std::string body, std::chrono::milliseconds timeout,
            Done done) override;
  void cancel(Lane lane) override;
  void wake(Time when, std::function<void(Time now)> then) override;

 private:
  HttpTransport(boost::asio::io_context& io, std::unique_ptr<ProtocolClient> leases,
                std::unique_ptr<ProtocolClient> reports)
      : leases_(std::move(leases)), reports_(std::move(reports)), timer_(io) {}
  ProtocolClient& client(Lane lane) { return lane == Lane::kLease ? *leases_ : *reports_; }

  std::unique_ptr<ProtocolClient> leases_;
  std::unique_ptr<ProtocolClient> reports_;
  boost::asio::steady_timer timer_;
};

}  // namespace parallelrun::agent
