// SHA-256 by OpenSSL: what identifies a job, its code and its cached environments.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace parallelrun {

// Two lower-case digits for each byte.
std::string hex_of(std::string_view bytes);

// An incremental SHA-256. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  // Adds the length before the bytes, so that ("ab","c") and ("a","bc") differ.
  void update_framed(std::string_view bytes);
  // 32 bytes, or as 64 lower-case hexadecimal digits. Call one of them, once, last.
  std::string raw_digest();
  std::string hex_digest() { return hex_of(raw_digest()); }

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The digest of one string.
std::string sha256_raw(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

// Whether it has the form of a hex_digest().
bool is_sha256_hex(std::string_view text);

// The digests of a directory's regular files, by relative path: of the execute bit and the contents.
// Leaves out `__pycache__`, `*.pyc` and dot entries, which running the code changes, and the files and
// directories that `left_out` names relative to `directory` ("out", "data/images").
// Errors: kNotFound, kIo; the message names the path.
Result<std::map<std::string, std::string>> sha256_of_files(const std::filesystem::path& directory,
                                                           std::span<const std::string> left_out = {});

// The digest of one file, as sha256_of_files() has it. Errors: kIo.
Result<std::string> sha256_of_file(const std::filesystem::path& file);

}  // namespace parallelrun
