#include "operator/pods/base64.h"

#include <openssl/evp.h>

namespace parallelrun::op {

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends it with a NUL
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL's bytes are unsigned
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace parallelrun::op
