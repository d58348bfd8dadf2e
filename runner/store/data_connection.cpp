#include "runner/store/data_connection.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

namespace parallelrun {
namespace {

constexpr std::chrono::milliseconds kAgain{100};

Error gone(int code) {
  return {ErrorCode::kUnavailable, std::string("the data process is not reached: ") + std::strerror(code),
          true};
}

FileDescriptor connected(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return {};
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
  FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the interface of sockets
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int code = errno;
    fd.close();
    errno = code;
  }
  return fd;
}

}  // namespace

std::string data_socket() {
  const char* socket = std::getenv(kDataSocketVariable);
  return socket != nullptr ? socket : "";
}

Result<DataConnection> DataConnection::open(const std::string& socket, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    FileDescriptor fd = connected(socket);
    if (fd) return DataConnection(std::move(fd));
    const int code = errno;
    if (std::chrono::steady_clock::now() >= until) return gone(code);
    std::this_thread::sleep_for(kAgain);
  }
}

Status DataConnection::send(const std::string& frame) {
  for (std::size_t sent = 0; sent < frame.size();) {
    const ssize_t count = ::send(fd_.get(), frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return gone(errno);
    sent += static_cast<std::size_t>(count);
  }
  return {};
}

Result<DataAnswer> DataConnection::receive() {
  std::array<char, 65536> block{};
  while (true) {
    Result<std::optional<DataAnswer>> answer = next_answer(buffer_);
    if (!answer) return answer.error();
    if (*answer) return std::move(**answer);
    const ssize_t count = ::recv(fd_.get(), block.data(), block.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return gone(count < 0 ? errno : ECONNRESET);
    buffer_.append(block.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace parallelrun
