// What a cutter of slices gives, as what a fuzz target expects of it is written.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "runner/input/slice_cutter.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::fuzz {

struct Piece {
  std::uint64_t offset;
  std::uint64_t length;
  std::uint64_t first_row;
  std::uint64_t records;

  bool operator==(const Piece&) const = default;
};

inline std::vector<FileSlice> rest_of(SliceCutter& cutter) {
  std::vector<FileSlice> slices;
  while (auto slice = cutter.next()) slices.push_back(*std::move(slice));
  HOLDS(!cutter.next());
  return slices;
}

inline std::vector<Piece> pieces_of(const std::vector<FileSlice>& slices) {
  std::vector<Piece> pieces;
  for (const FileSlice& slice : slices)
    pieces.push_back({slice.offset, slice.length, slice.first_row, slice.records});
  return pieces;
}

// The end of a file. An open piece with records stands alone; a blank one belongs to the piece before it.
inline void close(std::vector<Piece>& pieces, const Piece& open) {
  if (open.records > 0) {
    pieces.push_back(open);
  } else if (!pieces.empty()) {
    pieces.back().length += open.length;
  }
}

}  // namespace parallelrun::fuzz
