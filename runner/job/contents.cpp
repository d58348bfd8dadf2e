#include "runner/job/contents.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/result/try.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/job/file_stamp.h"
#include "runner/job/identity.h"

namespace parallelrun {
namespace {

constexpr std::string_view kMagic = "plrcont1";
constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kLongestPath = std::size_t{1} << 16U;
constexpr std::size_t kLongestNote = std::size_t{16} << 20U;
constexpr std::size_t kDifferencesNamed = 3;

enum class Tag : std::uint8_t { kEnd = 0, kPart = 1, kPartEnd = 2, kEntry = 3 };

Error io_error(const std::string& path, const char* what) {
  return Error{ErrorCode::kIo, fmt::format("'{}' cannot be {}: {}", path, what, std::strerror(errno))};
}

void put_u8(std::string& out, std::uint8_t value) { out.push_back(static_cast<char>(value)); }
void put_tag(std::string& out, Tag tag) { put_u8(out, static_cast<std::uint8_t>(tag)); }
void put_u64(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) put_u8(out, static_cast<std::uint8_t>(value >> (8 * i)));
}
void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) put_u8(out, static_cast<std::uint8_t>(value | 0x80U));
  put_u8(out, static_cast<std::uint8_t>(value));
}
void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out += text;
}

std::size_t shared_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t same = 0;
  while (same < most && a[same] == b[same]) ++same;
  return same;
}

// In the order of a listing: by path components, so that '/' comes before all else.
bool comes_before(std::string_view a, std::string_view b) {
  const std::size_t same = shared_prefix(a, b);
  if (same == a.size() || same == b.size()) return a.size() < b.size();
  const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); };
  return rank(a[same]) < rank(b[same]);
}

}  // namespace

Result<std::unique_ptr<ContentsWriter>> ContentsWriter::create(const std::string& path) {
  FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return io_error(path, "made");
  std::unique_ptr<ContentsWriter> writer(new ContentsWriter(path, std::move(fd)));
  writer->buffer_ = kMagic;
  return writer;
}

Status ContentsWriter::begin(std::string_view name, std::string_view note) {
  last_.clear();
  entries_ = 0;
  bytes_ = 0;
  put_tag(buffer_, Tag::kPart);
  put_text(buffer_, name);
  put_text(buffer_, note);
  return flush(kBufferBytes);
}

Status ContentsWriter::add(const ContentEntry& entry) {
  const std::size_t shared = shared_prefix(last_, entry.path);
  put_tag(buffer_, Tag::kEntry);
  put_varint(buffer_, shared);
  put_text(buffer_, std::string_view(entry.path).substr(shared));
  put_varint(buffer_, entry.size);
  put_u8(buffer_, static_cast<std::uint8_t>(entry.trust));
  put_u64(buffer_, entry.stamp);
  put_text(buffer_, entry.sha256);
  last_ = entry.path;
  ++entries_;
  bytes_ += entry.size;
  return flush(kBufferBytes);
}

Status ContentsWriter::end() {
  put_tag(buffer_, Tag::kPartEnd);
  put_varint(buffer_, entries_);
  put_varint(buffer_, bytes_);
  return {};
}

Result<std::string> ContentsWriter::finish() {
  put_tag(buffer_, Tag::kEnd);
  RETURN_IF_ERROR(flush(0));
  std::string digest = digest_.raw_digest();
  RETURN_IF_ERROR(write_out(digest));
  return digest;
}

Status ContentsWriter::flush(std::size_t limit) {
  if (buffer_.size() < limit) return {};
  digest_.update(buffer_);
  RETURN_IF_ERROR(write_out(buffer_));
  buffer_.clear();
  return {};
}

Status ContentsWriter::write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return io_error(path_, "written");
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<std::unique_ptr<ContentsReader>> ContentsReader::open(const std::string& path) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return Error{ErrorCode::kNotFound, fmt::format("there is no file '{}'", path)};
  if (!fd) return io_error(path, "read");
  std::unique_ptr<ContentsReader> reader(new ContentsReader(path, std::move(fd)));
  if (reader->take(kMagic.size()) != kMagic) return reader->damaged();
  return reader;
}

Error ContentsReader::damaged() const {
  return Error{ErrorCode::kCorrupt, fmt::format("'{}' is damaged", path_)};
}

// Whether the buffer holds so many bytes from at_ on.
bool ContentsReader::need(std::size_t bytes) {
  while (!broken_ && buffer_.size() - at_ < bytes) {
    digest_up_to_here();
    buffer_.erase(0, at_);
    at_ = 0;
    digested_ = 0;
    const std::size_t have = buffer_.size();
    buffer_.resize(have + kBufferBytes);
    const ssize_t got = ::read(fd_.get(), buffer_.data() + have, kBufferBytes);
    buffer_.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) broken_ = true;
  }
  return !broken_;
}

std::string_view ContentsReader::take(std::size_t bytes) {
  if (!need(bytes)) return {};
  const std::string_view taken = std::string_view(buffer_).substr(at_, bytes);
  at_ += bytes;
  return taken;
}

void ContentsReader::digest_up_to_here() {
  digest_.update(std::string_view(buffer_).substr(digested_, at_ - digested_));
  digested_ = at_;
}

std::uint8_t ContentsReader::u8() {
  const std::string_view taken = take(1);
  return taken.empty() ? 0 : static_cast<std::uint8_t>(taken.front());
}

std::uint64_t ContentsReader::u64() {
  std::uint64_t value = 0;
  const std::string_view taken = take(8);
  for (std::size_t i = 0; i < taken.size(); ++i)
    value |= std::uint64_t{static_cast<unsigned char>(taken[i])} << (8 * i);
  return value;
}

std::uint64_t ContentsReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  broken_ = true;
  return 0;
}

std::string_view ContentsReader::text(std::size_t longest) {
  const std::uint64_t size = varint();
  if (size > longest) broken_ = true;
  return broken_ ? std::string_view() : take(static_cast<std::size_t>(size));
}

Result<bool> ContentsReader::next_part(ContentPart& part) {
  for (ContentEntry rest; in_part_;) {
    ASSIGN_OR_RETURN(const bool more, next(rest));
    if (!more) break;
  }
  const auto tag = static_cast<Tag>(u8());
  if (broken_) return damaged();
  if (tag == Tag::kEnd) {
    // It is asked for before the digest is closed: to read on is to add to it.
    if (!need(kDigestBytes)) return damaged();
    digest_up_to_here();
    sha256_ = digest_.raw_digest();
    if (std::string_view(buffer_).substr(at_) != sha256_) return damaged();
    return false;
  }
  if (tag != Tag::kPart) return damaged();
  part.name = text(kLongestPath);
  part.note = text(kLongestNote);
  if (broken_) return damaged();
  in_part_ = true;
  last_.clear();
  seen_entries_ = 0;
  seen_bytes_ = 0;
  return true;
}

Result<bool> ContentsReader::next(ContentEntry& entry) {
  const auto tag = static_cast<Tag>(u8());
  if (!in_part_ || broken_) return damaged();
  if (tag == Tag::kPartEnd) {
    entries_ = varint();
    bytes_ = varint();
    in_part_ = false;
    if (broken_ || entries_ != seen_entries_ || bytes_ != seen_bytes_) return damaged();
    return false;
  }
  const std::uint64_t shared = varint();
  const std::string_view rest = text(kLongestPath);
  if (tag != Tag::kEntry || broken_ || shared > last_.size()) return damaged();
  last_.resize(static_cast<std::size_t>(shared));
  last_ += rest;
  entry.path = last_;
  entry.size = varint();
  const std::uint8_t trust = u8();
  entry.trust = static_cast<ContentEntry::Trust>(trust);
  entry.stamp = u64();
  entry.sha256 = text(kDigestBytes);
  const bool whole = entry.sha256.empty() || entry.sha256.size() == kDigestBytes;
  if (broken_ || trust > static_cast<std::uint8_t>(ContentEntry::Trust::kNone) || !whole) return damaged();
  ++seen_entries_;
  seen_bytes_ += entry.size;
  return true;
}

Result<std::vector<ContentPart>> parts_of_contents(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> reader, ContentsReader::open(path));
  std::vector<ContentPart> parts;
  for (ContentPart part;;) {
    ASSIGN_OR_RETURN(const bool more, reader->next_part(part));
    if (!more) return parts;
    for (ContentEntry entry;;) {
      ASSIGN_OR_RETURN(const bool another, reader->next(entry));
      if (!another) break;
    }
    part.entries = reader->entries();
    part.bytes = reader->bytes();
    parts.push_back(part);
  }
}

std::string in_words(const ContentDifference& difference) {
  std::vector<std::string> kinds;
  const auto kind = [&kinds](std::uint64_t count, const char* one, const char* more) {
    if (count > 0) kinds.push_back(counted(count, "file") + (count == 1 ? one : more));
  };
  if (difference.notes > 0) kinds.emplace_back("what is installed has changed");
  kind(difference.changed, " has changed", " have changed");
  kind(difference.added, " is new", " are new");
  kind(difference.removed, " is gone", " are gone");
  kind(difference.untold, " may have changed (its times have)", " may have changed (their times have)");
  const std::string more = difference.all() > difference.first.size() ? ", ..." : "";
  return fmt::format("{}: {}: {}{}", difference.part, fmt::join(kinds, ", "),
                     fmt::join(difference.first, ", "), more);
}

namespace {

struct EntryDifference {
  ContentVisit::What what = ContentVisit::What::kChanged;
  const char* words = "";  // behind the name of the file
};

// Of one file. `root`: where it is read, if it must be; empty: it cannot be.
std::optional<EntryDifference> difference_of(const ContentEntry& before, const ContentEntry& now,
                                             const std::string& root) {
  using Trust = ContentEntry::Trust;
  using What = ContentVisit::What;
  if (before.trust == Trust::kNone || now.trust == Trust::kNone)
    return EntryDifference{What::kUntold, "has no version"};
  if (before.size != now.size) return EntryDifference{What::kChanged, "changed"};
  if (before.trust == Trust::kStamp && before.stamp == now.stamp) return std::nullopt;
  if (before.sha256.empty() || root.empty())
    return EntryDifference{What::kUntold, "was written again, perhaps the same"};
  // No worker has read it yet, so its bytes of this moment count.
  const Result<std::string> digest = digest_of_content(root + now.path);
  if (!digest || *digest != before.sha256) return EntryDifference{What::kChanged, "changed"};
  return std::nullopt;
}

std::string difference_in_words(const std::string& path, const char* words) {
  return fmt::format("{} {}", path.empty() ? "the file" : presentable(path), words);
}

class Comparison {
 public:
  using What = ContentVisit::What;

  Comparison(const std::function<std::string(const std::string&)>& root_of, bool first_only,
             const ContentVisit* visit = nullptr)
      : root_of_(root_of), first_only_(first_only), visit_(visit) {}

  Status run(ContentsReader& before, ContentsReader& now) {
    ContentPart old_part;
    ContentPart new_part;
    while (!ended()) {
      ASSIGN_OR_RETURN(const bool old_more, before.next_part(old_part));
      ASSIGN_OR_RETURN(const bool new_more, now.next_part(new_part));
      if (!old_more && !new_more) break;
      if (old_more != new_more || old_part.name != new_part.name) {
        found_.part = new_more ? new_part.name : old_part.name;
        found_.first.emplace_back("it was not there before, or is not there now");
        ++found_.changed;
        if (visit_ != nullptr) visit_->differs(found_.part, What::kPart, {}, found_.first.back());
        break;
      }
      if (old_part.note != new_part.note) compare_notes(new_part.name, old_part.note, new_part.note);
      part_ = new_part.name;
      root_ = root_of_(part_);
      RETURN_IF_ERROR(merge(before, now));
    }
    return {};
  }

  ContentDifference take() { return std::move(found_); }

 private:
  bool ended() const { return first_only_ && found_.all() > 0; }

  Status merge(ContentsReader& before, ContentsReader& now) {
    ContentEntry old_entry;
    ContentEntry new_entry;
    ASSIGN_OR_RETURN(bool old_more, before.next(old_entry));
    ASSIGN_OR_RETURN(bool new_more, now.next(new_entry));
    while ((old_more || new_more) && !ended()) {
      const bool is_removed = old_more && (!new_more || comes_before(old_entry.path, new_entry.path));
      const bool is_added = new_more && (!old_more || comes_before(new_entry.path, old_entry.path));
      if (is_removed) {
        note(What::kGone, old_entry.path, "is gone");
      } else if (is_added) {
        note(What::kNew, new_entry.path, "is new");
      } else {
        compare(old_entry, new_entry);
      }
      if (!is_added) {
        ASSIGN_OR_RETURN(old_more, before.next(old_entry));
      }
      if (!is_removed) {
        ASSIGN_OR_RETURN(new_more, now.next(new_entry));
      }
    }
    return {};
  }

  void compare(const ContentEntry& before, const ContentEntry& now) {
    const auto differs = difference_of(before, now, root_);
    if (!differs) return same(now.path);
    note(differs->what, now.path, differs->words);
  }

  void same(const std::string& path) {
    if (visit_ != nullptr) visit_->same(part_, path);
  }

  void compare_notes(const std::string& part, const std::string& before, const std::string& now) {
    const std::vector<std::string> differences = differing_values(
        nlohmann::json::parse(before, nullptr, false), nlohmann::json::parse(now, nullptr, false));
    ++found_.notes;
    if (visit_ != nullptr) {
      visit_->differs(
          part, What::kNote, {},
          fmt::format("{}", fmt::join(differences.begin(),
                                      differences.begin() +
                                          static_cast<long>(std::min(differences.size(), kDifferencesNamed)),
                                      ", ")));
    }
    if (!found_.part.empty()) return;
    found_.part = part;
    found_.first.assign(
        differences.begin(),
        differences.begin() + static_cast<long>(std::min(differences.size(), kDifferencesNamed)));
  }

  std::uint64_t& count_of(What what) {
    switch (what) {
      case What::kNew:
        return found_.added;
      case What::kGone:
        return found_.removed;
      case What::kUntold:
        return found_.untold;
      case What::kNote:
        return found_.notes;
      case What::kChanged:
      case What::kPart:
        break;
    }
    return found_.changed;
  }

  void note(What what, const std::string& path, const char* words) {
    ++count_of(what);
    if (found_.part.empty()) found_.part = part_;
    if (visit_ != nullptr) visit_->differs(part_, what, path, difference_in_words(path, words));
    if (found_.first.size() < kDifferencesNamed) found_.first.push_back(difference_in_words(path, words));
  }

  const std::function<std::string(const std::string&)>& root_of_;
  const bool first_only_;
  const ContentVisit* const visit_;
  std::string part_;
  std::string root_;
  ContentDifference found_;
};

}  // namespace

Result<ContentDifference> compare_contents(const std::string& before, const std::string& now,
                                           const std::function<std::string(const std::string&)>& root_of,
                                           bool first_only) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> old_file, ContentsReader::open(before));
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> new_file, ContentsReader::open(now));
  Comparison comparison(root_of, first_only);
  RETURN_IF_ERROR(comparison.run(*old_file, *new_file));
  return comparison.take();
}

Status visit_contents(const std::string& before, const std::string& now,
                      const std::function<std::string(const std::string&)>& root_of,
                      const ContentVisit& visit) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> old_file, ContentsReader::open(before));
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> new_file, ContentsReader::open(now));
  return Comparison(root_of, false, &visit).run(*old_file, *new_file);
}

Result<std::vector<std::string>> changed_since(const std::string& contents, const std::string& part,
                                               const std::string& root, const std::set<std::string>& names) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> reader, ContentsReader::open(contents));
  std::vector<std::string> changed;
  for (ContentPart of;;) {
    ASSIGN_OR_RETURN(const bool more, reader->next_part(of));
    if (!more) break;
    if (of.name != part) continue;
    for (ContentEntry before;;) {
      ASSIGN_OR_RETURN(const bool another, reader->next(before));
      if (!another) break;
      if (!names.contains(before.path)) continue;
      const std::optional<ContentEntry> now = stamp_of_file(root + before.path);
      if (!now) {
        changed.push_back(difference_in_words(before.path, "is gone"));
      } else {
        ContentEntry named = *now;
        named.path = before.path;
        if (const auto differs = difference_of(before, named, root))
          changed.push_back(difference_in_words(before.path, differs->words));
      }
    }
  }
  return changed;
}

}  // namespace parallelrun
