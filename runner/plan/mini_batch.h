// What one mini-batch is: a number, an input, a count of items, and a descriptor that only the worker
// process opens. Descriptors travel, data does not.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

// The position of a mini-batch in plan order, from 0. It is the same in every run of the same job over
// the same input, because inputs are listed in bytewise order.
struct MiniBatchId {
  std::uint64_t value = 0;
  auto operator<=>(const MiniBatchId&) const = default;
};

struct MiniBatch {
  MiniBatchId id;
  std::uint32_t input = 0;  // index into JobSpec::inputs
  std::uint64_t items = 0;  // files, or records that are not blank
  std::string descriptor;   // FileSet or CsvSlice below, encoded
};

// First byte of a descriptor.
enum class DescriptorKind : std::uint8_t { kFiles = 1, kCsvSlice = 2 };

// Files of one mini-batch, grouped by directory so that a long common path is sent once.
//   u8 kind=1 | u32 groups | groups x { bytes directory, ending in '/' | bytes names, joined by NUL }
// Names are raw bytes as the file system has them.
struct FileSet {
  struct Group {
    std::string directory;           // absolute, ends in '/'
    std::vector<std::string> names;  // no '/' and no NUL in a name
  };
  std::vector<Group> groups;
};

// A run of whole records of one CSV file.
//   u8 kind=2 | bytes path | u64 offset | u64 length | u64 first_row | u64 records | u64 file_size |
//   u64 hash | u8 check | bytes header
struct CsvSlice {
  // How the worker knows that it reads what was planned.
  enum class Check : std::uint8_t {
    kSize = 0,     // by the file's size alone: its bytes could not be read, or do not become rows
    kBytes = 1,    // `hash` is that of its bytes; where it reaches to the end of the file, it still does
    kEnds = 2,     // a packed file: see slice_hash_of_ends()
    kChanged = 3,  // not at all: the file had changed when planning was gone on with
  };

  std::string path;             // absolute
  std::uint64_t offset = 0;     // of the first byte of the first record
  std::uint64_t length = 0;     // bytes, line break of the last record included
  std::uint64_t first_row = 0;  // number of the first record in its file; 1 is the first after the header;
                                // blank records count as rows of the file, not as items
  std::uint64_t records = 0;    // not blank
  std::uint64_t file_size = 0;  // of the whole file when it was planned
  std::uint64_t hash = 0;       // see slice_hash.h
  Check check = Check::kSize;
  std::string header;  // the raw header record, without BOM, with its line break
};

std::string encode(const FileSet& files);
std::string encode(const CsvSlice& slice);
// Errors: kCorrupt.
Result<FileSet> decode_file_set(std::string_view descriptor);
Result<CsvSlice> decode_csv_slice(std::string_view descriptor);

// The descriptor with `to` in the place of `from` at the beginning of each of its paths. Plans are stored
// with paths below the input's directory, so that the directory may move. Errors: kCorrupt, also where a path
// does not begin with `from`.
Result<std::string> with_root(std::string_view descriptor, std::string_view from, std::string_view to);

}  // namespace parallelrun
