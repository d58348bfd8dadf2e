// Where the bytes of tables are while they are cut: files here, or objects of a store (store_files.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "runner/input/byte_stream.h"
#include "runner/store/byte_range.h"

namespace parallelrun {

// One table, read at any place. One thread at a time.
class TableFile {
 public:
  virtual ~TableFile() = default;
  // Bytes; where it cannot be read, as far as it is known.
  virtual std::uint64_t size() const = 0;
  // Errors: kIo, why it cannot be read.
  virtual Status state() const = 0;
  // Up to `size` bytes from `offset` on; 0 only at the end. Errors: kIo.
  virtual Result<std::size_t> read(std::uint64_t offset, char* into, std::size_t size) = 0;
};

// One thread at a time, its files included, which it must outlive.
class TableFiles {
 public:
  virtual ~TableFiles() = default;
  // Never null: what cannot be opened says so in its state().
  virtual std::unique_ptr<TableFile> open(const std::string& path) = 0;

  // --- what objects of a store need; files here do not ---
  // What a listing says of a table. It comes from whoever lists, before the table is opened. Known until
  // forget(), which comes from whoever has cut it.
  virtual void announce(const std::string& /*path*/, std::optional<std::uint64_t> /*size*/,
                        std::string_view /*version*/) {}
  virtual void forget(const std::string& /*path*/) {}
  // These bytes of an announced table will be read soon.
  virtual void expect(const std::string& /*path*/, ByteRange /*range*/) {}
  // Whether a worker finds only those bytes of a table that a mini-batch names (FileSlice::reads).
  virtual bool are_in_parts() const { return false; }
  // Errors: why no table can be read any more. Then what was cut last means nothing.
  virtual Status state() const { return {}; }
};

// Those of this machine, by absolute path. Without a state: threads may share it.
TableFiles& local_files();

// The tables of one input.
struct TableSource {
  std::string root;                             // what their paths begin with; ends in '/'
  std::unique_ptr<TableFiles> store = nullptr;  // who opens them; null: they are files here

  TableFiles& files() const { return store ? *store : local_files(); }
};

// Why a table cannot be read, as far as its first byte tells.
std::string why_unreadable(TableFile& file);

// Bytes [offset, end) of a table. Ends early where the table does.
class TableStream final : public ByteStream {
 public:
  TableStream(TableFile& file, std::uint64_t offset, std::uint64_t end)
      : file_(file), offset_(offset), end_(end) {}
  Result<std::size_t> read(char* into, std::size_t size) override;

 private:
  TableFile& file_;
  std::uint64_t offset_;
  std::uint64_t end_;
};

// All of bytes [begin, end). Errors: kIo, also where the table ends before.
Result<std::string> read_exactly(TableFile& file, std::uint64_t begin, std::uint64_t end);

}  // namespace parallelrun
