#include "common/hash/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace parallelrun {

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (context_->evp == nullptr) throw std::bad_alloc();
  if (EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL offers no SHA-256");
  }
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) { EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()); }

void Sha256::update_framed(std::string_view bytes) {
  const auto size = static_cast<std::uint64_t>(bytes.size());
  std::array<char, sizeof(size)> frame{};
  std::memcpy(frame.data(), &size, sizeof(size));
  update({frame.data(), frame.size()});
  update(bytes);
}

std::string Sha256::raw_digest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(context_->evp, digest.data(), &length);
  return {digest.begin(), digest.begin() + length};
}

std::string hex_of(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2U);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex.push_back(kDigits[byte >> 4U]);
    hex.push_back(kDigits[byte & 15U]);
  }
  return hex;
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string sha256_raw(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.raw_digest();
}

std::string sha256_hex(std::string_view bytes) { return hex_of(sha256_raw(bytes)); }

namespace {

namespace fs = std::filesystem;

bool made_by_running(const fs::path& name) {
  const std::string text = name.string();
  return text.empty() || text.front() == '.' || text == "__pycache__" || name.extension() == ".pyc";
}

}  // namespace

Result<std::string> sha256_of_file(const fs::path& file) {
  const Error unreadable{ErrorCode::kIo, "cannot read '" + file.string() + "'"};
  std::error_code error;
  const bool executable = (fs::status(file, error).permissions() & fs::perms::owner_exec) != fs::perms::none;
  std::ifstream stream(file, std::ios::binary);
  if (error || !stream) return unreadable;
  Sha256 hash;
  hash.update(executable ? "x" : "-");
  std::vector<char> block(std::size_t{1} << 16U);
  while (stream) {
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    hash.update({block.data(), static_cast<std::size_t>(stream.gcount())});
  }
  if (stream.bad()) return unreadable;
  return hash.hex_digest();
}

Result<std::map<std::string, std::string>> sha256_of_files(const fs::path& directory,
                                                           std::span<const std::string> left_out) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    // Begun by a string: g++ 12 sees an overlap where one is put in front of a temporary, with -O3.
    return Error{ErrorCode::kNotFound, std::string("'") + directory.c_str() + "' is not a directory"};
  }
  std::map<std::string, std::string> digests;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string relative = it->path().lexically_relative(directory).string();
    if (made_by_running(it->path().filename()) ||
        std::find(left_out.begin(), left_out.end(), relative) != left_out.end()) {
      if (it->is_directory(error)) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file(error)) continue;
    Result<std::string> digest = sha256_of_file(it->path());
    if (!digest.ok()) return digest.error();
    digests.emplace(relative, std::move(digest).value());
  }
  if (error) return Error{ErrorCode::kIo, "cannot list '" + directory.string() + "': " + error.message()};
  return digests;
}

}  // namespace parallelrun
