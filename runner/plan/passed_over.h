// What the listing of an input leaves out or what a job does not get from it, counted by kind: nothing is
// left out in silence.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

enum class PassedKind : std::uint8_t {
  kBrokenLink = 0,           // leads nowhere
  kLoopingLink = 1,          // leads back into a directory above it
  kUnreadableDirectory = 2,  // no permission
  kSpecialFile = 3,          // socket, pipe, device
  kOtherEnding = 4,          // not taken by the default glob, beside files that are
  kEmptyTable = 5,           // 0 bytes
  kHeaderOnlyTable = 6,      // no record behind the header
  kOtherColumnOrder = 7,     // the first file's columns in another order: taken, by name
  kOtherColumns = 8,         // its mini-batches fail
  kWithoutRecords = 9,       // empty or a header alone, which the worker that read the whole file told
  kOtherPath = 10,           // its path does not give the job's partition keys
  kEmptyFolder = 11,         // of a store: an empty object that stands for a folder without objects
};
inline constexpr std::size_t kPassedKinds = 12;

// "brokenLink", ...: the name in events and in status.progress.leftOut.
std::string_view to_string(PassedKind kind);

struct PassedOver {
  std::uint32_t input = 0;  // index into JobSpec::inputs
  PassedKind kind = PassedKind::kBrokenLink;
  std::uint64_t count = 0;
  std::string first;    // path of the first one below the input's directory, raw bytes
  bool partly = false;  // planning was gone on with: what earlier starts met is not counted

  bool operator==(const PassedOver&) const = default;
};

// The sentence for the user, and its second half: "input 'images': 2 links lead nowhere and are left out; the
// first is 'a/b'". "2 links lead nowhere and are left out; the first is 'a/b'".
std::string words_of(const PassedOver& passed);
std::string sentence(const PassedOver& passed, std::string_view input_name);

// In the plan: u32 input | u8 kind | u64 count | u8 partly | bytes first.
std::string encode(const PassedOver& passed);
// Errors: kCorrupt.
Result<PassedOver> decode_passed_over(std::string_view bytes);

// Counts while one input is listed.
class PassedCounts {
 public:
  // `path` is the first one's.
  void add(PassedKind kind, std::string_view path, std::uint64_t count = 1);
  std::uint64_t count(PassedKind kind) const { return counts_.at(static_cast<std::size_t>(kind)).count; }
  // One for each kind that was met, in the order of the enumeration.
  std::vector<PassedOver> of_input(std::uint32_t input, bool partly) const;
  void clear() { counts_ = {}; }

 private:
  struct Count {
    std::uint64_t count = 0;
    std::string first;
  };
  std::array<Count, kPassedKinds> counts_;
};

}  // namespace parallelrun
