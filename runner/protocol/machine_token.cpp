#include "runner/protocol/machine_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/hash/sha256.h"
#include "common/posix/file_descriptor.h"

namespace parallelrun {
namespace {

constexpr std::size_t kBytes = 32;

}  // namespace

Result<std::string> random_token() {
  std::array<unsigned char, kBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return Error{ErrorCode::kIo, "the system gives no random numbers", true};
  }
  return hex_of(std::string(bytes.begin(), bytes.end()));
}

std::string token_of_agent(std::string_view secret, std::string_view agent) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's strings are unsigned
  const auto* bytes = reinterpret_cast<const unsigned char*>(agent.data());
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes, agent.size(), digest.data(),
       &size);
  return hex_of(std::string(digest.begin(), digest.begin() + size));
}

bool same_token(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<std::string> read_token(int descriptor) {
  const FileDescriptor pipe(descriptor);
  std::string token(2 * kBytes + 1, '\0');
  std::size_t size = 0;
  while (size < token.size()) {
    const ssize_t got = ::read(pipe.get(), token.data() + size, token.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "--token-fd " + std::to_string(descriptor) + " cannot be read: " + std::strerror(errno),
                   false};
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  token.resize(size);
  if (size == 2 * kBytes && token.find_first_not_of("0123456789abcdef") == std::string::npos) return token;
  return Error{
      ErrorCode::kInvalidArgument,
      "--token-fd " + std::to_string(descriptor) + " does not contain a token of 64 hexadecimal digits",
      false};
}

void close_to_others() { prctl(PR_SET_DUMPABLE, 0); }

}  // namespace parallelrun
