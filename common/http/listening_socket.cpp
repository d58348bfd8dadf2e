#include "common/http/listening_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/result/try.h"

namespace parallelrun {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

Error failed(const std::string& what, const std::string& why) {
  return Error{ErrorCode::kIo, what + " failed: " + why, false};
}

// The folder is what keeps other users of the machine out: permissions of a socket are not checked on
// every system.
Status prepare_folder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno != EEXIST)
    return failed("making the folder of the socket '" + folder + "'", std::strerror(errno));
  struct stat status{};
  if (lstat(folder.c_str(), &status) != 0) return failed("looking at '" + folder + "'", std::strerror(errno));
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    return Error{
        ErrorCode::kInvalidArgument,
        "the folder of the socket '" + folder +
            "' must be a directory that only its owner, the user of this process, can enter (mode 0700)",
        false};
  }
  return {};
}

Status remove_stale(const IoExecutor& executor, const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return failed("looking at '" + path + "'", std::strerror(errno));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + path + "' exists and is not a socket; remove it or choose another path", false};
  }
  asio::basic_stream_socket<asio::local::stream_protocol, IoExecutor> probe(executor);
  error_code error;
  probe.connect(asio::local::stream_protocol::endpoint(path), error);
  if (!error || error != asio::error::connection_refused) {
    return Error{ErrorCode::kConflict, "another process listens on '" + path + "'; choose another path",
                 false};
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return failed("removing the stale socket '" + path + "'", std::strerror(errno));
  }
  return {};
}

error_code listen_at(TcpAcceptor& acceptor, const asio::ip::tcp::endpoint& address) {
  error_code error;
  error_code ignored;
  acceptor.close(ignored);
  acceptor.open(address.protocol(), error);
  const bool everywhere = address.address().is_v6() && address.address().is_unspecified();
  if (!error && everywhere) acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(address, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

}  // namespace

UnixSocketFile::UnixSocketFile(std::string path) : path_(std::move(path)) {
  struct stat status{};
  if (lstat(path_.c_str(), &status) != 0) return;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

UnixSocketFile::~UnixSocketFile() { remove(); }

UnixSocketFile::UnixSocketFile(UnixSocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

UnixSocketFile& UnixSocketFile::operator=(UnixSocketFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

void UnixSocketFile::remove() {
  if (path_.empty()) return;
  struct stat status{};
  const bool ours = lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  if (ours) unlink(path_.c_str());
  path_.clear();
}

Result<UnixSocketFile> listen_on_unix(UnixAcceptor& acceptor, const std::string& path) {
  RETURN_IF_ERROR(prepare_folder(std::filesystem::path(path).parent_path().string()));
  RETURN_IF_ERROR(remove_stale(acceptor.get_executor(), path));
  error_code error;
  acceptor.open(asio::local::stream_protocol(), error);
  if (error) return failed("opening a Unix socket", error.message());
  acceptor.bind(asio::local::stream_protocol::endpoint(path), error);
  if (error) return failed("binding '" + path + "'", error.message());
  UnixSocketFile file(path);
  if (chmod(path.c_str(), 0600) != 0)
    return failed("setting the mode of '" + path + "'", std::strerror(errno));
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return failed("listening on '" + path + "'", error.message());
  return file;
}

Status listen_on_tcp(TcpAcceptor& acceptor, const Endpoint& endpoint, bool loopback_only) {
  const std::string name = to_string(endpoint);
  error_code error;
  asio::ip::tcp::endpoint address;
  const asio::ip::address literal = asio::ip::make_address(endpoint.host, error);
  if (!error) {
    address = {literal, endpoint.port};
  } else {
    asio::ip::basic_resolver<asio::ip::tcp, IoExecutor> resolver(acceptor.get_executor());
    const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port), error);
    if (error || found.empty()) {
      return Error{ErrorCode::kInvalidArgument, "'" + name + "': cannot listen there: " + error.message(),
                   false};
    }
    address = *found.begin();
  }
  if (loopback_only && !address.address().is_loopback()) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + name +
                     "' is reachable from other machines, and without TLS files anybody there could use this "
                     "server; listen on 127.0.0.1 or a Unix socket, or give the CA, certificate and key",
                 false};
  }
  error = listen_at(acceptor, address);
  const bool everywhere = address.address().is_v6() && address.address().is_unspecified();
  if (everywhere && error && error != asio::error::address_in_use) {
    // A machine without IPv6, or where it is switched off: [::] means every address that it has.
    error = listen_at(acceptor, {asio::ip::address_v4::any(), endpoint.port});
  }
  if (error == asio::error::address_in_use) {
    return Error{ErrorCode::kConflict, "another process listens on '" + name + "'; choose another port",
                 false};
  }
  if (error) return failed("listening on '" + name + "'", error.message());
  return {};
}

}  // namespace parallelrun
