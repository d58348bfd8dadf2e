#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runner/output/arrow_schema.h"
#include "runner/output/parquet_piece.h"
#include "runner/output/row_file.h"

namespace parallelrun {

// One Parquet file. The pages of mini-batches are put one behind the other into row groups of a decent size,
// as they are: no value is read. That needs pages without dictionaries and one type for each column, to which
// check() and row_check() see; a column without a value in a mini-batch may have any type there, and a field
// of a struct without one the type "null". (Statistics are left out: those of the mini-batches do not hold
// for a row group.)
//
// The file is one after finish(): its metadata stand at its end. So rows are staged (staged_rows.h).
class ParquetRows final : public RowFile {
 public:
  explicit ParquetRows(std::unique_ptr<File> file) : RowFile(std::move(file)) {}

  Status check(const std::vector<std::string>& rows) override;
  // All types are known.
  bool knows_its_rows() const override;
  Result<Appended> append(const std::vector<std::string>& rows, const std::vector<WorkId>& of) override;
  Status finish() override;
  Result<std::shared_ptr<RowCheck>> row_check() override;

 private:
  // What the first mini-batch with a value has decided, and for fields of structs that had none there a later
  // one.
  struct Column {
    std::vector<std::string> elements;
    std::vector<ParquetLeaf> leaves;
    ArrowField arrow;
  };
  // A column of a row group that is being written.
  struct Written {
    std::int64_t offset = 0;
    std::int64_t values = 0;
    std::int64_t uncompressed = 0;
    std::int64_t compressed = 0;
  };

  Status learn(const ParquetPiece& piece);
  Status complete(Column& column, const ParquetColumn& before, const ParquetPiece::Column& from) const;
  Status put(std::string_view bytes);
  Status begin_file();
  Status write_group();
  std::string metadata_of(const ParquetLeaf& leaf, const Written& written) const;
  std::string pandas_metadata() const;
  Result<std::string> metadata() const;

  std::vector<ParquetColumn> columns_;  // of all mini-batches; empty: none is known
  std::vector<Column> decided_;         // by column
  std::vector<std::string> schemas_;    // Arrow's, that columns refer to
  std::string pandas_;

  std::vector<std::string> pending_;  // rows of the row group that is being gathered
  std::size_t pending_bytes_ = 0;
  std::int64_t pending_rows_ = 0;
  std::int64_t length_ = 0;  // of the file
  std::int64_t rows_ = 0;    // in row groups
  std::string groups_;       // their metadata
  std::size_t group_count_ = 0;
};

}  // namespace parallelrun
