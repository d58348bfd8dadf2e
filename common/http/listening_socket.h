// Opening the socket that a server listens on. Internal to the room.
#pragma once

#include <sys/types.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "common/http/endpoint.h"
#include "common/result/result.h"

namespace parallelrun {

using IoExecutor = boost::asio::io_context::executor_type;
using TcpAcceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, IoExecutor>;
using UnixAcceptor = boost::asio::basic_socket_acceptor<boost::asio::local::stream_protocol, IoExecutor>;

// The name of a Unix socket in the file system: removed at the end of its life, if it is still ours.
class UnixSocketFile {
 public:
  UnixSocketFile() = default;
  explicit UnixSocketFile(std::string path);
  ~UnixSocketFile();
  UnixSocketFile(UnixSocketFile&& other) noexcept;
  UnixSocketFile& operator=(UnixSocketFile&& other) noexcept;

 private:
  void remove();
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Makes the folder of `path` (0700) or checks that it is ours alone; removes a socket nobody listens on.
// Errors: kConflict, kInvalidArgument, kIo.
Result<UnixSocketFile> listen_on_unix(UnixAcceptor& acceptor, const std::string& path);

// [::] is every address of the machine, those of IPv4 too, also where IPv6 is off. `loopback_only`: refuse
// any address but this machine's. Errors: kConflict, kInvalidArgument, kIo.
Status listen_on_tcp(TcpAcceptor& acceptor, const Endpoint& endpoint, bool loopback_only);

}  // namespace parallelrun
