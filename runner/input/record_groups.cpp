#include "runner/input/record_groups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "common/posix/file_descriptor.h"
#include "common/posix/whole_file.h"
#include "common/result/try.h"
#include "runner/input/byte_stream.h"
#include "runner/input/file_write.h"
#include "runner/input/slice_hash.h"
#include "runner/input/spill_file.h"
#include "runner/wire/fields.h"

namespace parallelrun {

namespace {

constexpr std::string_view kIndex = "index";
constexpr std::size_t kSpillBlock = 64U << 10U;
constexpr std::size_t kMostParts = 512;
constexpr std::size_t kPartsOfPart = 16;
constexpr unsigned kDeepest = 6;
constexpr std::size_t kKnownKeys = 200'000;  // texts whose place is remembered

// --- a record in the spill file: u32 key | u32 record | u32 file | u64 row, then key and record ---
struct Spilled {
  std::string_view key;  // the texts, packed
  std::string_view record;
  std::uint32_t file = 0;
  std::uint64_t row = 0;
};
constexpr std::size_t kSpilledHead = 20;

template <typename T>
T read_number(const char* at) {
  T number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

void put_spilled(std::string& out, std::string_view key, std::string_view record, std::uint32_t file,
                 std::uint64_t row) {
  out.resize(kSpilledHead);
  const auto key_size = static_cast<std::uint32_t>(key.size());
  const auto record_size = static_cast<std::uint32_t>(record.size());
  std::memcpy(out.data(), &key_size, 4);
  std::memcpy(out.data() + 4, &record_size, 4);
  std::memcpy(out.data() + 8, &file, 4);
  std::memcpy(out.data() + 12, &row, 8);
  out += key;
  out += record;
}

Spilled spilled_at(const char* at) {
  Spilled one;
  const auto key = read_number<std::uint32_t>(at);
  one.key = {at + kSpilledHead, key};
  one.record = {at + kSpilledHead + key, read_number<std::uint32_t>(at + 4)};
  one.file = read_number<std::uint32_t>(at + 8);
  one.row = read_number<std::uint64_t>(at + 12);
  return one;
}

std::size_t spilled_size(const Spilled& one) { return kSpilledHead + one.key.size() + one.record.size(); }

template <typename Each>
Status each_spilled(std::string_view records, Each&& each) {
  for (std::size_t at = 0; at < records.size();) {
    const Spilled one = spilled_at(records.data() + at);
    RETURN_IF_ERROR(each(one));
    at += spilled_size(one);
  }
  return {};
}

// The texts of packed(), which must have made the bytes.
KeyTexts unpacked_texts(std::string_view bytes) {
  KeyTexts texts;
  for (std::size_t at = 0; at < bytes.size();) {
    if (bytes[at++] == '\x02') {
      texts.emplace_back();
      continue;
    }
    std::string& text = texts.emplace_back().emplace();
    while (bytes[at] != '\0' || bytes[at + 1] != '\0') {
      text += bytes[at];
      at += bytes[at] == '\0' ? 2 : 1;
    }
    at += 2;
  }
  return texts;
}

void put_varint(std::string& out, std::uint64_t number) {
  for (; number >= 128; number >>= 7U) out += static_cast<char>(0x80U | (number & 0x7FU));
  out += static_cast<char>(number);
}

class Origins {
 public:
  void add(std::uint32_t file, std::uint64_t row) {
    put_varint(bytes_, file - file_);
    put_varint(bytes_, file == file_ ? row - row_ : row);
    file_ = file;
    row_ = row;
  }
  std::string& bytes() { return bytes_; }
  void clear() {
    bytes_.clear();
    file_ = 0;
    row_ = 0;
  }

 private:
  std::string bytes_;
  std::uint32_t file_ = 0;
  std::uint64_t row_ = 0;
};

// A file of this grouping alone, under a name that no other has.
class DataFile {
 public:
  // data-XXXXXX
  static Result<DataFile> create(const std::string& directory) {
    std::string path = directory + "data-XXXXXX";
    return DataFile::of(FileDescriptor(::mkostemp(path.data(), O_CLOEXEC)), directory, path);
  }
  // names-XXXXXX, so that who knows one finds the other.
  Result<DataFile> beside() const {
    const std::string path = directory_ + "names" + name_.substr(name_.rfind('-'));
    return of(FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644)), directory_,
              path);
  }

  Status add(std::string_view bytes) {
    if (buffer_.size() + bytes.size() > kBuffer) RETURN_IF_ERROR(flush());
    if (bytes.size() > kBuffer) {
      RETURN_IF_ERROR(write_at(fd_.get(), written_, bytes, directory_));
      written_ += bytes.size();
      return {};
    }
    buffer_ += bytes;
    return {};
  }
  Status finish() {
    RETURN_IF_ERROR(flush());
    return ::fsync(fd_.get()) == 0 ? Status() : Status(write_error(directory_, errno));
  }
  std::uint64_t size() const { return written_ + buffer_.size(); }
  const std::string& name() const { return name_; }

 private:
  static constexpr std::size_t kBuffer = 1U << 20U;

  static Result<DataFile> of(FileDescriptor fd, const std::string& directory, const std::string& path) {
    if (!fd) return write_error(directory, errno);
    ::fchmod(fd.get(), 0644);
    DataFile file;
    file.fd_ = std::move(fd);
    file.directory_ = directory;
    file.name_ = path.substr(directory.size());
    return file;
  }
  Status flush() {
    RETURN_IF_ERROR(write_at(fd_.get(), written_, buffer_, directory_));
    written_ += buffer_.size();
    buffer_.clear();
    return {};
  }

  FileDescriptor fd_;
  std::string directory_;
  std::string name_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

// By their values as they are compared, of which `keys` has those of each group.
std::vector<RecordGroup> in_order(std::vector<RecordGroup> groups, const std::vector<std::string>& keys) {
  std::vector<std::size_t> order(groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  std::vector<RecordGroup> sorted;
  sorted.reserve(groups.size());
  for (const std::size_t i : order) sorted.push_back(std::move(groups[i]));
  return sorted;
}

class Grouping {
 public:
  Grouping(RecordFields& fields, const GroupingOptions& options, SpillFile spill, DataFile data,
           DataFile names)
      : fields_(fields),
        options_(options),
        spill_(std::move(spill)),
        data_(std::move(data)),
        names_(std::move(names)),
        inferred_(options.declared.size()) {
    // Parts of half the bound, since keys spread unevenly.
    const std::uint64_t wanted =
        2 * options.input_bytes / std::max<std::uint64_t>(options.memory_bytes, 1) + 1;
    for (std::size_t i = 0; i < std::min<std::uint64_t>(wanted, kMostParts); ++i) spill_.add_stream();
    parts_ = std::min<std::uint64_t>(wanted, kMostParts);
  }

  // --- first pass ---
  Status spread(const FileToGroup& file) {
    RETURN_IF_ERROR(names_.add(file.path + '\0'));
    RETURN_IF_ERROR(fields_.start(options_.root + file.path));
    if (fields_.other_order()) pass(PassedKind::kOtherColumnOrder, file.path);
    RecordFields::Record record;
    KeyTexts columns;
    KeyTexts texts = file.texts;
    std::string spilled;
    std::string line;
    while (true) {
      ASSIGN_OR_RETURN(const bool found, fields_.next(record, columns));
      if (!found) break;
      if ((++records_ & 0xFFFU) == 0) RETURN_IF_ERROR(go_on());
      for (std::size_t i = 0; i < options_.columns.size(); ++i)
        texts[options_.columns[i]] = std::move(columns[i]);
      is_text_ |= record.is_text;
      std::string_view bytes = record.bytes;
      if (bytes.size() > UINT32_MAX / 2) {
        return Error{ErrorCode::kInvalidArgument, file.path + " has a record of more than 2 GiB"};
      }
      if (!bytes.ends_with('\n') && !bytes.ends_with('\r')) bytes = line.assign(bytes).append("\n");
      const std::string key = packed(texts);
      put_spilled(spilled, key, bytes, files_, record.row);
      RETURN_IF_ERROR(spill_.append(place_of(key, texts), spilled));
    }
    if (const auto why = fields_.without_records()) pass(*why, file.path);
    ++files_;
    return {};
  }

  // --- second pass ---
  Result<RecordGroups> gather() {
    for (std::size_t i = 0; i < inferred_.size(); ++i) types_.push_back(type_of(i));
    places_.clear();
    for (std::size_t part = 0; part < parts_; ++part) RETURN_IF_ERROR(gather(part, 1));
    RecordGroups found;
    found.header = fields_.header();
    found.types = types_;
    found.groups = in_order(std::move(groups_), keys_);
    RETURN_IF_ERROR(data_.finish());
    RETURN_IF_ERROR(names_.finish());
    found.data_file = data_.name();
    found.data_size = data_.size();
    found.passed = passed_.of_input(0, false);
    return found;
  }

 private:
  struct Part {                                               // of the records of a part, by group
    std::unordered_map<std::string, std::uint32_t> by_text;   // packed texts -> group
    std::unordered_map<std::string, std::uint32_t> by_value;  // packed canonical texts -> group
    std::size_t first = 0;                                    // of groups_
  };

  void pass(PassedKind kind, const std::string& path) { passed_.add(kind, path); }

  Status go_on() const {
    if (options_.stopped == nullptr || !*options_.stopped) return {};
    return Error{ErrorCode::kAborted, "grouping was ended"};
  }

  KeyType type_of(std::size_t key) const {
    if (options_.declared[key]) return *options_.declared[key];
    const auto column =
        std::find(options_.columns.begin(), options_.columns.end(), key) - options_.columns.begin();
    const bool text = (is_text_ >> (static_cast<unsigned>(column) % 64U) & 1U) != 0;
    return text ? KeyType::kText : inferred_[key].type();
  }

  static std::uint64_t spread_of(const KeyTexts& texts) {
    KeyTexts loose;
    for (const KeyText& text : texts) loose.push_back(text ? KeyText(loose_key(*text)) : KeyText());
    return slice_hash(packed(loose));
  }

  std::size_t place_of(const std::string& key, const KeyTexts& texts) {
    const auto known = places_.find(key);
    if (known != places_.end()) return known->second;
    for (const std::size_t i : options_.columns) {
      if (texts[i]) {
        inferred_[i].add(*texts[i]);
      } else {
        inferred_[i].add_missing();
      }
    }
    if (places_.size() >= kKnownKeys) places_.clear();
    return places_[key] = static_cast<std::uint32_t>(spread_of(texts) % parts_);
  }

  // The group of a record; made where it is the first.
  std::uint32_t group_of(Part& part, std::string_view key) {
    key_.assign(key);
    const auto known = part.by_text.find(key_);
    if (known != part.by_text.end()) return known->second;
    KeyTexts texts = unpacked_texts(key);
    std::string value = packed(canonical_keys(texts, types_));
    const auto next = static_cast<std::uint32_t>(groups_.size() - part.first);
    const auto [group, fresh] = part.by_value.try_emplace(value, next);
    if (fresh) {
      groups_.emplace_back().texts = std::move(texts);
      keys_.push_back(std::move(value));
    }
    part.by_text.emplace(key_, group->second);
    return group->second;
  }

  Status gather(std::size_t stream, unsigned depth) {
    RETURN_IF_ERROR(go_on());
    if (spill_.bytes(stream) <= options_.memory_bytes) {
      RETURN_IF_ERROR(gather_in_memory(stream));
    } else if (depth < kDeepest) {
      return split(stream, depth);
    } else {
      RETURN_IF_ERROR(gather_one_by_one(stream));
    }
    spill_.drop(stream);
    return {};
  }

  // A part that is too large becomes several. Where all of it has one key, no split helps.
  Status split(std::size_t stream, unsigned depth) {
    std::vector<std::size_t> parts;
    for (std::size_t i = 0; i < kPartsOfPart; ++i) parts.push_back(spill_.add_stream());
    std::unordered_map<std::string, std::size_t> places;
    std::string only;
    bool several = false;
    RETURN_IF_ERROR(spill_.read(stream, [&](std::string_view records) -> Status {
      return each_spilled(records, [&](const Spilled& one) -> Status {
        key_.assign(one.key);
        if (only.empty()) only = key_;
        several = several || key_ != only;
        return Status();
      });
    }));
    if (!several) {
      RETURN_IF_ERROR(gather_one_by_one(stream));
      spill_.drop(stream);
      return {};
    }
    const auto deal = [&](std::string_view records) -> Status {
      RETURN_IF_ERROR(go_on());
      return each_spilled(records, [&](const Spilled& one) -> Status {
        key_.assign(one.key);
        auto known = places.find(key_);
        if (known == places.end()) {
          if (places.size() >= kKnownKeys) places.clear();
          // Other bits than those that have brought these keys together.
          const std::uint64_t hash = spread_of(unpacked_texts(one.key)) / parts_;
          known = places.emplace(key_, (hash >> (4 * (depth - 1))) % kPartsOfPart).first;
        }
        return spill_.append(parts[known->second], {one.key.data() - kSpilledHead, spilled_size(one)});
      });
    };
    RETURN_IF_ERROR(spill_.read(stream, deal));
    spill_.drop(stream);
    for (const std::size_t part : parts) RETURN_IF_ERROR(gather(part, depth + 1));
    return {};
  }

  Status gather_in_memory(std::size_t stream) {
    std::string all;
    all.reserve(spill_.bytes(stream));
    RETURN_IF_ERROR(spill_.read(stream, [&](std::string_view records) -> Status {
      all += records;
      return Status();
    }));
    Part part;
    part.first = groups_.size();
    std::vector<std::pair<std::uint32_t, std::uint32_t>> records;  // group, offset
    std::vector<std::uint32_t> begins;
    RETURN_IF_ERROR(each_spilled(all, [&](const Spilled& one) -> Status {
      const std::uint32_t group = group_of(part, one.key);
      const auto offset = static_cast<std::uint32_t>(one.key.data() - kSpilledHead - all.data());
      records.emplace_back(group, offset);
      return Status();
    }));
    std::sort(records.begin(), records.end());  // by group, then as they came
    for (std::size_t i = 0; i < records.size();) {
      Writing writing(*this, part.first + records[i].first);
      for (const std::uint32_t group = records[i].first; i < records.size() && records[i].first == group;
           ++i) {
        RETURN_IF_ERROR(writing.add(spilled_at(all.data() + records[i].second)));
      }
      RETURN_IF_ERROR(writing.end());
    }
    return {};
  }

  // Once over the part for each group, and none of it in memory.
  Status gather_one_by_one(std::size_t stream) {
    Part part;
    part.first = groups_.size();
    RETURN_IF_ERROR(spill_.read(stream, [&](std::string_view records) -> Status {
      return each_spilled(records, [&](const Spilled& one) -> Status {
        group_of(part, one.key);
        return Status();
      });
    }));
    const std::size_t end = groups_.size();
    for (std::size_t number = part.first; number < end; ++number) {
      Writing writing(*this, number);
      const auto pick = [&](std::string_view records) -> Status {
        RETURN_IF_ERROR(go_on());
        return each_spilled(records, [&](const Spilled& one) -> Status {
          return part.first + group_of(part, one.key) == number ? writing.add(one) : Status();
        });
      };
      RETURN_IF_ERROR(spill_.read(stream, pick));
      RETURN_IF_ERROR(writing.end());
    }
    return {};
  }

  // The records of one group, one behind the other.
  class Writing {
   public:
    Writing(Grouping& owner, std::size_t group) : owner_(owner), group_(owner.groups_[group]) {
      group_.offset = owner.data_.size();
      owner.origins_.clear();
    }
    Status add(const Spilled& one) {
      owner_.hash_.update(one.record);
      owner_.origins_.add(one.file, one.row);
      ++group_.records;
      return owner_.data_.add(one.record);
    }
    Status end() {
      group_.length = owner_.data_.size() - group_.offset;
      group_.hash = owner_.hash_.take();
      group_.origins_length = owner_.origins_.bytes().size();
      return owner_.data_.add(owner_.origins_.bytes());
    }

   private:
    Grouping& owner_;
    RecordGroup& group_;
  };

  RecordFields& fields_;
  const GroupingOptions& options_;
  SpillFile spill_;
  DataFile data_;
  DataFile names_;
  std::uint64_t parts_ = 1;
  std::uint32_t files_ = 0;
  std::uint64_t records_ = 0;
  std::unordered_map<std::string, std::uint32_t> places_;
  std::vector<KeyTypeInference> inferred_;  // by key
  PassedCounts passed_;
  std::uint64_t is_text_ = 0;  // as in RecordFields::Record, of all records
  std::vector<KeyType> types_;
  std::vector<RecordGroup> groups_;
  std::vector<std::string> keys_;  // of groups_: packed canonical texts
  std::string key_;
  SliceHash hash_;
  Origins origins_;
};

// What an earlier start left that did not get to the end.
void clear_directory(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    std::filesystem::remove(entry.path(), error);
}

Status check_room(const std::string& directory, std::uint64_t needed) {
  struct statvfs info{};
  if (::statvfs(directory.c_str(), &info) != 0) return {};
  const std::uint64_t free = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  if (free >= needed) return {};
  const auto megabytes = [](std::uint64_t bytes) { return std::to_string((bytes >> 20U) + 1) + " MB"; };
  return Error{ErrorCode::kNoSpace,
               "records are grouped in '" + directory + "', which needs " + megabytes(needed) +
                   ", and only " + megabytes(free) +
                   " are free; free some space, or give the job an output directory on a "
                   "larger disk"};
}

}  // namespace

static void fields(auto& visit, wire::Is<RecordGroup> auto& group) {
  visit(group.offset);
  visit(group.length);
  visit(group.records);
  visit(group.hash);
  visit(group.origins_length);
}

static void fields(auto& visit, wire::Is<GroupedTable> auto& table) {
  visit(table.name);
  visit(table.size);
  visit(table.footer);
  visit(table.hash);
}

namespace {

constexpr std::string_view kIndexMagic = "PRUNGRP1";
constexpr std::string_view kTablesMagic = "PRUNGRP2";

//   8 bytes "PRUNGRP1" | u64 hash of the rest | bytes data_file | u64 data_size |
//   bytes header | u32 keys | keys x u8 type | u64 groups | groups x {bytes packed texts, five u64} |
//   u64 passed | passed x bytes PassedOver
// With tables: "PRUNGRP2", and behind that:
//   u64 tables | tables x {bytes name, three u64} | groups x u32 table
std::string encoded_index(const RecordGroups& groups) {
  std::string body;
  wire::Writer writer(body);
  wire::Encoder encoder(writer);
  encoder(groups.data_file);
  encoder(groups.data_size);
  encoder(groups.header);
  encoder(groups.types);
  encoder(static_cast<std::uint64_t>(groups.groups.size()));
  for (const RecordGroup& group : groups.groups) {
    encoder(packed(group.texts));
    encoder(group);
  }
  encoder(static_cast<std::uint64_t>(groups.passed.size()));
  for (const PassedOver& passed : groups.passed) encoder(parallelrun::encode(passed));
  if (!groups.tables.empty()) {
    encoder(static_cast<std::uint64_t>(groups.tables.size()));
    for (const GroupedTable& table : groups.tables) encoder(table);
    for (const RecordGroup& group : groups.groups) encoder(group.table);
  }
  std::string out(groups.tables.empty() ? kIndexMagic : kTablesMagic);
  wire::Writer(out).u64(slice_hash(body));
  return out + body;
}

}  // namespace

static Status write_index(const std::string& directory, const RecordGroups& groups) {
  const WholeFileOptions for_workers{.mode = 0644, .despite_umask = true};
  const std::string index = directory + std::string(kIndex);
  const int failed = write_whole_file(index, encoded_index(groups), for_workers);
  return failed == 0 ? Status() : Status(write_error(directory, failed));
}

KeyTexts RecordGroups::canonical(const RecordGroup& group) const {
  return canonical_keys(group.texts, types);
}

Result<RecordGroups> group_records(RecordFields& fields,
                                   const std::function<Result<std::optional<FileToGroup>>()>& next_file,
                                   const GroupingOptions& options) {
  RETURN_IF_ERROR(begin_groups(options.directory));
  ASSIGN_OR_RETURN(SpillFile spill, SpillFile::create(options.directory, kSpillBlock));
  // The records, and where they came from. Where the spill file cannot shrink while groups grow, twice.
  const std::uint64_t once = options.input_bytes + options.input_bytes / 4;
  RETURN_IF_ERROR(check_room(options.directory, spill.gives_back() ? once : 2 * once));
  ASSIGN_OR_RETURN(DataFile data, DataFile::create(options.directory));
  ASSIGN_OR_RETURN(DataFile names, data.beside());
  Grouping grouping(fields, options, std::move(spill), std::move(data), std::move(names));
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<FileToGroup> file, next_file());
    if (!file) break;
    RETURN_IF_ERROR(grouping.spread(*file));
  }
  ASSIGN_OR_RETURN(RecordGroups groups, grouping.gather());
  RETURN_IF_ERROR(write_index(options.directory, groups));
  return groups;
}

Status begin_groups(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return write_error(directory, error.value());
  clear_directory(directory);
  return {};
}

Status end_groups(const std::string& directory, RecordGroups& groups) {
  std::vector<std::string> keys;
  keys.reserve(groups.groups.size());
  for (const RecordGroup& group : groups.groups) keys.push_back(packed(groups.canonical(group)));
  groups.groups = in_order(std::move(groups.groups), keys);
  return write_index(directory, groups);
}

Result<std::optional<RecordGroups>> find_groups(const std::string& directory) {
  const std::string path = directory + std::string(kIndex);
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::optional<RecordGroups>();
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    return Error{ErrorCode::kIo, path + " cannot be read: " + std::generic_category().message(errno)};
  }
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  FileStream stream(fd.get(), 0, bytes.size());
  for (std::size_t filled = 0; filled < bytes.size();) {
    const auto size = stream.read(bytes.data() + filled, bytes.size() - filled);
    if (!size) return size.error();
    if (*size == 0) break;
    filled += *size;
  }
  const Error corrupt{ErrorCode::kCorrupt,
                      path + " is damaged; start the job with another output directory or with --overwrite"};
  constexpr std::size_t kIndexHead = kIndexMagic.size() + 8;
  const bool has_tables = bytes.starts_with(kTablesMagic);
  if (bytes.size() < kIndexHead || (!has_tables && !bytes.starts_with(kIndexMagic))) return corrupt;
  const std::string_view body = std::string_view(bytes).substr(kIndexHead);
  wire::Reader head(std::string_view(bytes).substr(kIndexMagic.size(), 8));
  if (head.u64() != slice_hash(body)) return corrupt;
  RecordGroups found;
  wire::Decoder decoder(body);
  std::uint64_t count = 0;
  decoder(found.data_file);
  decoder(found.data_size);
  decoder(found.header);
  decoder(found.types);
  decoder(count);
  for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) {
    std::string texts;
    decoder(texts);
    RecordGroup& group = found.groups.emplace_back();
    decoder(group);
    if (decoder.ok()) group.texts = unpacked_texts(texts);
  }
  decoder(count);
  for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) {
    std::string one;
    decoder(one);
    const Result<PassedOver> passed = decode_passed_over(one);
    if (!passed) return corrupt;
    found.passed.push_back(*passed);
  }
  if (has_tables) {
    decoder(count);
    for (std::uint64_t i = 0; i < count && decoder.ok(); ++i) decoder(found.tables.emplace_back());
    for (RecordGroup& group : found.groups) {
      decoder(group.table);
      if (group.table >= found.tables.size()) return corrupt;
    }
  }
  if (decoder.problem() != nullptr) return corrupt;
  return std::optional(std::move(found));
}

}  // namespace parallelrun
