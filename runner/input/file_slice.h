// The descriptor of a mini-batch that is a part of one file: a run of whole records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/input/descriptor_kind.h"
#include "runner/store/byte_range.h"

namespace parallelrun {

//   u8 kind | bytes path | u64 offset | u64 length | u64 first_row | u64 records | u64 file_size | u64 hash |
//   u8 check | bytes header
struct FileSlice {
  // How the worker knows that it reads what was planned.
  enum class Check : std::uint8_t {
    kSize = 0,     // by the file's size alone: its bytes could not be read, or do not become rows
    kBytes = 1,    // `hash` is that of its bytes; where it reaches to the end of the file, it still does
    kEnds = 2,     // a packed file: see slice_hash_of_ends()
    kChanged = 3,  // not at all: the file had changed when planning was gone on with
  };

  std::string path;          // below the input's directory; absolute while it is being cut (slice_cutter.h)
  std::uint64_t offset = 0;  // of the first byte of the first record
  std::uint64_t length = 0;  // bytes, line break of the last record included
  // Number of the first record that is not blank in its file; 1 is the first row after the header. Blank
  // records count as rows of the file, not as items. Where `records` is not known, that of the first row.
  std::uint64_t first_row = 0;
  std::uint64_t records = 0;    // not blank; 0: not known before a worker reads it
  std::uint64_t file_size = 0;  // of the whole file when it was planned
  std::uint64_t hash = 0;       // see slice_hash.h
  Check check = Check::kSize;
  // The raw header record, without BOM, with its line break; empty: none, or in the slice.
  std::string header;

  // While it is being cut, and not in the descriptor: what of the file a worker reads; empty: its own bytes.
  std::vector<ByteRange> reads = {};
};

// `kind`: that of the format.
std::string encode(DescriptorKind kind, const FileSlice& slice);
// Errors: kCorrupt, also for a descriptor of another kind.
Result<FileSlice> decode_file_slice(DescriptorKind kind, std::string_view descriptor);

}  // namespace parallelrun
