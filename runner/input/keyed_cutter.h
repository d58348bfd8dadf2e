// Cuts an input into the mini-batches of its partition keys.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/input/file_slice.h"
#include "runner/input/keyed_files.h"
#include "runner/input/keyed_format.h"
#include "runner/input/record_groups.h"

namespace parallelrun {

class KeyedCutter final : public InputCutter {
 public:
  // Both must outlive it.
  KeyedCutter(const KeyedFormat& format, Listing& listing, InputFormat::CutterOptions options)
      : format_(format), listing_(listing), options_(std::move(options)) {}

  Result<std::optional<Piece>> next() override;
  Status resume_after(std::string_view descriptor) override;
  std::uint64_t objects() const override { return objects_; }

 private:
  Status begin();
  Status list();
  Status group();
  Result<RecordGroups> grouped(const std::string& directory);
  Result<RecordGroups> grouped_tables(const TableSource& tables, const std::string& directory);
  Result<std::optional<Piece>> next_files();
  Result<std::optional<Piece>> next_records();
  FileSlice slice_of(const RecordGroup& group) const;
  bool is_done(const std::string& packed_keys) const { return done_ && packed_keys <= *done_; }

  const KeyedFormat& format_;
  Listing& listing_;
  InputFormat::CutterOptions options_;
  bool begun_ = false;
  bool by_columns_ = false;
  std::optional<std::string> done_;  // packed values of the last mini-batch of an earlier run
  std::uint64_t objects_ = 0;
  KeyedFormat::Origin origin_;
  std::size_t at_ = 0;  // group
  // Where all keys are in paths.
  KeyedFiles files_;
  std::optional<KeyedFiles::Reader> reader_;
  std::unique_ptr<InputCutter> inside_;
  // Where some are columns.
  RecordGroups groups_;
};

}  // namespace parallelrun
