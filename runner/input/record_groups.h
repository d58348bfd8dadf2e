// Records of tables grouped by the values of columns, on disk.
//
// In the directory of an input (below .parallelrun/groups/ of the output):
//   index            written last, whole: what is in the others; without it there are no groups
//   data-XXXXXX      of text (for Parquet: table_groups.h) group after group: its records as they stand in
//                    their files, one behind the other, then its origins
//   names-XXXXXX     (the same letters) the paths of the input's files, below its directory, with a NUL
// behind each
//
// Origins: for each record two numbers, in 7 bits a byte, the last byte of a number below 128: how many files
// on from the last record's, and how many rows on in that file (from 0, where it is another file). At first:
// file 0, row 0.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/input/key_value.h"
#include "runner/input/listing.h"
#include "runner/input/record_fields.h"
#include "runner/plan/passed_over.h"

namespace parallelrun {

struct RecordGroup {
  KeyTexts texts;            // as they stand at the group's first record
  std::uint32_t table = 0;   // of RecordGroups::tables, where there are some
  std::uint64_t offset = 0;  // of the records; in a table: how many rows stand before
  std::uint64_t length = 0;  // of the records; in a table: 0
  std::uint64_t records = 0;
  std::uint64_t hash = 0;            // see slice_hash.h
  std::uint64_t origins_length = 0;  // they stand behind the records
};

// A Parquet file of grouped rows (table_groups.h).
struct GroupedTable {
  std::string name;  // in the directory
  std::uint64_t size = 0;
  std::uint64_t footer = 0;  // offset; it reaches to the end of the file
  std::uint64_t hash = 0;    // of the footer, see slice_hash.h
};

// The index: groups in the order of their values.
struct RecordGroups {
  std::vector<GroupedTable> tables = {};  // where rows are grouped; else records of text are in one file:
  std::string data_file;                  // its name in the directory
  std::uint64_t data_size = 0;
  std::string header;          // under which all records are read
  std::vector<KeyType> types;  // by key
  std::vector<RecordGroup> groups;
  std::vector<PassedOver> passed;  // what gave no record, or came in another order

  // The values of a group as they are compared.
  KeyTexts canonical(const RecordGroup& group) const;
};

// A file whose records are grouped.
struct FileToGroup {
  std::string path;  // below the root
  KeyTexts texts;    // what its path gives, by key; nothing for the others
  // Of an object in a store.
  std::optional<std::uint64_t> size = {};
  std::string version = {};
};

struct GroupingOptions {
  std::string root;       // of the input: absolute, ends in '/'
  std::string directory;  // ends in '/'; made where it is missing
  // By key: the declared type; nothing: as inferred from all values.
  std::vector<std::optional<KeyType>> declared;
  std::vector<std::size_t> columns;            // which keys are columns, in the order of RecordFields::want()
  std::uint64_t input_bytes = 0;               // for how much room is needed
  std::uint64_t memory_bytes = 96U << 20U;     // that one part of the records may take; at least 64 KiB
  const std::atomic<bool>* stopped = nullptr;  // ends it with kAborted; null: nothing does
};

// Groups the records of files. Memory is bounded whatever the size of the input and of a group: it is
// some three times `memory_bytes` and grows with the number of groups. `next_file` gives file after file.
// Errors: those of `fields` and `next_file`; kNoSpace, kIo naming the directory, kAborted.
Result<RecordGroups> group_records(RecordFields& fields,
                                   const std::function<Result<std::optional<FileToGroup>>()>& next_file,
                                   const GroupingOptions& options);

// For whoever makes groups: empties the directory, or makes it. Errors: kNoSpace, kIo.
Status begin_groups(const std::string& directory);
// Sorts the groups and writes their index: from then on they are there. Errors: kNoSpace, kIo.
Status end_groups(const std::string& directory, RecordGroups& groups);

// What an earlier run grouped in that directory; nothing: it did not get to the end. Errors: kCorrupt, kIo.
Result<std::optional<RecordGroups>> find_groups(const std::string& directory);

}  // namespace parallelrun
