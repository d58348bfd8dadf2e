#include "runner/web/log_text.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/posix/read_error.h"
#include "common/result/try.h"
#include "runner/web/output_folder.h"

namespace parallelrun::web {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20U;
constexpr std::size_t kShownBefore = 120;  // bytes of a line, around the text that was found
constexpr std::size_t kShownInAll = 400;
constexpr std::size_t kLongestLookBack = std::size_t{4} << 10U;

Result<std::uint64_t> size_of(int file) {
  struct stat status{};
  if (fstat(file, &status) != 0) return read_error("the log", errno);
  return static_cast<std::uint64_t>(status.st_size);
}

// In steps of a fixed size, for which the compiler uses vector instructions: a search must not wait for it.
void to_lower(char* begin, std::size_t size) {
  constexpr std::size_t kStep = 64;
  const auto lower = [](char sign) {
    const auto c = static_cast<unsigned char>(sign);
    const auto upper = static_cast<unsigned char>(static_cast<unsigned char>(c - 'A') < 26 ? 0x20 : 0);
    return static_cast<char>(c | upper);
  };
  for (; size >= kStep; begin += kStep, size -= kStep)
    for (std::size_t i = 0; i < kStep; ++i) begin[i] = lower(begin[i]);
  for (std::size_t i = 0; i < size; ++i) begin[i] = lower(begin[i]);
}

// The byte of the text that is the rarest in the beginning of what is searched, by its place in the text; its
// size: all are too frequent.
std::size_t rarest_byte(std::string_view in, std::string_view text) {
  constexpr std::size_t kSample = 4096;
  constexpr std::size_t kRare = kSample / 64;
  std::array<std::size_t, 256> counts{};
  for (const char c : in.substr(0, kSample)) ++counts[static_cast<unsigned char>(c)];
  std::size_t rarest = 0;
  for (std::size_t i = 1; i < text.size(); ++i)
    if (counts[static_cast<unsigned char>(text[i])] < counts[static_cast<unsigned char>(text[rarest])])
      rarest = i;
  return counts[static_cast<unsigned char>(text[rarest])] <= kRare ? rarest : text.size();
}

// Where `text` stands first; null: nowhere. memmem() alone is slow where much of the text is much of the log
// ("====== 7"), so the search goes by its rarest byte.
const char* find_text(std::string_view in, std::string_view text) {
  if (in.size() < text.size()) return nullptr;
  const std::size_t anchor = rarest_byte(in, text);
  if (anchor == text.size())
    return static_cast<const char*>(memmem(in.data(), in.size(), text.data(), text.size()));
  const char* at = in.data() + anchor;
  const char* end = in.data() + in.size() - (text.size() - anchor - 1);
  while (at < end) {
    at = static_cast<const char*>(std::memchr(at, text[anchor], static_cast<std::size_t>(end - at)));
    if (at == nullptr) return nullptr;
    if (std::memcmp(at - anchor, text.data(), text.size()) == 0) return at - anchor;
    ++at;
  }
  return nullptr;
}

// The line of a hit, cut.
Status take_line(int file, LogHit& hit) {
  const std::uint64_t look = hit.at - std::min<std::uint64_t>(hit.at, kLongestLookBack);
  std::string around(hit.at - look + kShownInAll, '\0');
  ASSIGN_OR_RETURN(const std::size_t read, read_at(file, around.data(), around.size(), look));
  around.resize(read);
  const std::size_t at = std::min<std::size_t>(hit.at - look, read);
  const std::size_t before = at == 0 ? std::string::npos : around.rfind('\n', at - 1);
  std::size_t begin = before == std::string::npos ? 0 : before + 1;
  if (at - begin > kShownBefore && at - begin + 1 > kShownInAll / 2) begin = at - kShownBefore;
  const std::size_t end = std::min(around.find('\n', at), around.size());
  hit.line = around.substr(begin, std::min(end - begin, kShownInAll));
  hit.offset = look + begin;
  return {};
}

}  // namespace

Result<LogPiece> read_log(int file, const LogRange& range) {
  ASSIGN_OR_RETURN(const std::uint64_t size, size_of(file));
  return log_piece(size, range, [file](char* into, std::size_t most, std::uint64_t offset) {
    return read_at(file, into, most, offset);
  });
}

Result<LogPiece> log_piece(std::uint64_t known_size, const LogRange& range, const ReadBytes& read_bytes) {
  LogPiece piece;
  piece.size = known_size;
  const auto size = static_cast<std::int64_t>(piece.size);
  std::int64_t begin = range.offset < 0 ? std::max<std::int64_t>(0, size + std::max(range.offset, -size))
                                        : std::min(range.offset, size);
  const std::int64_t length = std::clamp<std::int64_t>(range.length, 0, kMostLogBytes);
  const bool align = begin > 0 && (range.whole_lines || range.offset < 0);
  if (align) --begin;  // the byte before tells whether a line begins there
  piece.text.resize(static_cast<std::size_t>(length + (align ? 1 : 0)));
  ASSIGN_OR_RETURN(const std::size_t read,
                   read_bytes(piece.text.data(), piece.text.size(), static_cast<std::uint64_t>(begin)));
  piece.text.resize(read);
  piece.offset = static_cast<std::uint64_t>(begin);
  piece.size = std::max(piece.size, piece.offset + read);
  if (align && !piece.text.empty()) {
    const std::size_t line_break = piece.text.find('\n');
    const std::size_t skipped = line_break == std::string::npos ? 1 : line_break + 1;
    piece.text.erase(0, skipped);
    piece.offset += skipped;
  }
  const bool at_end = piece.offset + piece.text.size() >= piece.size;
  const std::size_t last = piece.text.rfind('\n');
  if (!at_end && last != std::string::npos) piece.text.resize(last + 1);
  piece.next = piece.offset + piece.text.size();
  return piece;
}

Result<LogHits> search_log(int file, const LogSearch& search) {
  LogHits found;
  ASSIGN_OR_RETURN(const std::uint64_t size, size_of(file));
  std::string text = search.text;
  if (search.any_case) to_lower(text.data(), text.size());
  const std::size_t overlap = text.size() - 1;
  const auto deadline = std::chrono::steady_clock::now() + search.most_time;
  const std::uint64_t end = search.from + std::min(search.most_bytes, size - std::min(size, search.from));
  std::string block(std::max(kBlock, 2 * text.size()), '\0');
  std::uint64_t at = std::min(search.from, size);
  bool to_next_line = false;  // the rest of a line that is a hit already
  while (at < end && found.hits.size() < search.most_hits) {
    ASSIGN_OR_RETURN(const std::size_t read, read_at(file, block.data(), block.size(), at));
    if (search.any_case) to_lower(block.data(), read);
    std::string_view rest(block.data(), read);
    const auto place = [&] { return at + (read - rest.size()); };
    while (true) {
      if (to_next_line) {
        const void* line_break = std::memchr(rest.data(), '\n', rest.size());
        if (line_break == nullptr) {
          rest = {};
          break;
        }
        rest.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(line_break) - rest.data()) + 1);
        to_next_line = false;
      }
      if (found.hits.size() == search.most_hits) break;
      const char* match = find_text(rest, text);
      if (match == nullptr) {
        // What begins in the last bytes of this block is found in the next.
        rest.remove_prefix(rest.size() - std::min(rest.size(), overlap));
        break;
      }
      rest.remove_prefix(static_cast<std::size_t>(match - rest.data()));
      LogHit hit;
      hit.at = place();
      RETURN_IF_ERROR(take_line(file, hit));
      found.hits.push_back(std::move(hit));
      to_next_line = true;
    }
    const bool whole = read < block.size();  // the file ends here
    at = place();
    if (whole && found.hits.size() < search.most_hits) {
      at += rest.size();
      break;
    }
    if (std::chrono::steady_clock::now() > deadline) break;
  }
  found.done = at >= size && found.hits.size() < search.most_hits;
  found.searched_to = at;
  return found;
}

}  // namespace parallelrun::web
