// Pieces of a log file of any size: a range of whole lines, and where a text stands. Each call reads a
// bounded part of the file, in blocks: a mapped file that a job cuts meanwhile would end the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/result/result.h"

namespace parallelrun::web {

inline constexpr std::int64_t kMostLogBytes = 1 << 20;

struct LogRange {
  std::int64_t offset = 0;  // bytes; negative: from the end
  std::int64_t length = kMostLogBytes;
  // Begin with the next line where `offset` is inside of one. One from the end always does.
  bool whole_lines = false;
};

struct LogPiece {
  std::uint64_t size = 0;    // of the file
  std::uint64_t offset = 0;  // where `text` begins
  std::uint64_t next = 0;    // behind it
  std::string text;          // the bytes of the file
};

// Ends behind a line break, unless the file ends, or one line is longer than the piece. Errors: those of
// read_error().
Result<LogPiece> read_log(int file, const LogRange& range);

// Puts as many of `size` bytes from `offset` as are there into `into`, and says how many.
using ReadBytes = std::function<Result<std::size_t>(char* into, std::size_t size, std::uint64_t offset)>;
// The same of a text of so many bytes that lies elsewhere. Errors: those of `read`.
Result<LogPiece> log_piece(std::uint64_t size, const LogRange& range, const ReadBytes& read);

struct LogSearch {
  std::string text;       // not empty
  bool any_case = false;  // of the letters of ASCII
  std::uint64_t from = 0;
  std::size_t most_hits = 200;
  std::uint64_t most_bytes = std::uint64_t{1} << 30U;
  std::chrono::milliseconds most_time{500};
};

struct LogHit {
  std::uint64_t offset = 0;  // where its line begins, or the part of it that is `line`
  std::uint64_t at = 0;      // the text itself
  std::string line;          // at most some hundred bytes of it around the text
};

struct LogHits {
  std::vector<LogHit> hits;       // one for each line
  std::uint64_t searched_to = 0;  // go on from here
  bool done = false;              // the end of the file was reached
};

// Errors: those of read_error().
Result<LogHits> search_log(int file, const LogSearch& search);

}  // namespace parallelrun::web
