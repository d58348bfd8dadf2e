#include "runner/plan/passed_over.h"

#include "common/spec/problems.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

struct Words {
  std::string_view name;
  std::string_view one;   // behind "1 "
  std::string_view more;  // behind the count
};

constexpr std::array<Words, kPassedKinds> kWords = {{
    {"brokenLink", "link leads nowhere and is left out", "links lead nowhere and are left out"},
    {"loopingLink", "link leads back into a directory above it and is left out",
     "links lead back into a directory above them and are left out"},
    {"unreadableDirectory", "directory cannot be read (no permission) and is left out",
     "directories cannot be read (no permission) and are left out"},
    {"specialFile", "entry is neither a file nor a directory and is left out",
     "entries are neither files nor directories and are left out"},
    {"otherEnding",
     "file does not have an ending of the input's format and is left out (to read it, set `format` or a "
     "glob)",
     "files do not have an ending of the input's format and are left out (to read them, set `format` or a "
     "glob)"},
    {"emptyTable", "file is empty and has no record", "files are empty and have no record"},
    {"headerOnlyTable", "file has only a header and no record", "files have only a header and no record"},
    {"otherColumnOrder",
     "file has its columns in another order than the first file; `run` gets the first file's order",
     "files have their columns in another order than the first file; `run` gets the first file's order"},
    {"otherColumns", "file has other columns than the first file, so its mini-batches fail",
     "files have other columns than the first file, so their mini-batches fail"},
    {"withoutRecords", "file that was read as a whole has no record (it is empty or has only a header)",
     "files that were read as a whole have no record (they are empty or have only a header)"},
    {"otherPath", "file is left out, since its path does not match the pathPattern or lacks a partition key",
     "files are left out, since their paths do not match the pathPattern or lack a partition key"},
    {"emptyFolder", "empty object stands for a folder and is left out",
     "empty objects stand for folders and are left out"},
}};

// Of a long path its end says most.
std::string name_of(std::string_view path) {
  constexpr std::size_t kMost = 76;
  if (path.size() <= kMost) return in_quotes(path);
  std::size_t from = path.size() - kMost;
  while (from < path.size() && (static_cast<unsigned char>(path[from]) & 0xC0U) == 0x80) ++from;
  return in_quotes("..." + std::string(path.substr(from)));
}

}  // namespace

std::string_view to_string(PassedKind kind) { return kWords.at(static_cast<std::size_t>(kind)).name; }

std::string words_of(const PassedOver& passed) {
  const Words& words = kWords.at(static_cast<std::size_t>(passed.kind));
  std::string text = std::to_string(passed.count) + " ";
  text.append(passed.count == 1 ? words.one : words.more);
  return text.append(passed.count == 1 ? ": " : "; the first is ").append(name_of(passed.first));
}

std::string sentence(const PassedOver& passed, std::string_view input_name) {
  std::string text = "input " + in_quotes(input_name) + ": " + words_of(passed);
  if (passed.partly) text += " (counted since this start of the job)";
  return text;
}

std::string encode(const PassedOver& passed) {
  std::string bytes;
  wire::Writer writer(bytes);
  writer.u32(passed.input);
  writer.u8(static_cast<std::uint8_t>(passed.kind));
  writer.u64(passed.count);
  writer.u8(passed.partly ? 1 : 0);
  writer.bytes(passed.first);
  return bytes;
}

Result<PassedOver> decode_passed_over(std::string_view bytes) {
  wire::Reader reader(bytes);
  PassedOver passed;
  passed.input = reader.u32();
  const std::uint8_t kind = reader.u8();
  passed.count = reader.u64();
  passed.partly = reader.u8() != 0;
  passed.first = reader.string();
  if (!reader.done() || kind >= kPassedKinds) {
    return Error{ErrorCode::kCorrupt, "what a listing has left out does not decode"};
  }
  passed.kind = static_cast<PassedKind>(kind);
  return passed;
}

void PassedCounts::add(PassedKind kind, std::string_view path, std::uint64_t count) {
  Count& known = counts_.at(static_cast<std::size_t>(kind));
  if (known.count == 0) known.first = path;
  known.count += count;
}

std::vector<PassedOver> PassedCounts::of_input(std::uint32_t input, bool partly) const {
  std::vector<PassedOver> all;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i].count > 0) {
      all.push_back({input, static_cast<PassedKind>(i), counts_[i].count, counts_[i].first, partly});
    }
  }
  return all;
}

}  // namespace parallelrun
