#include "runner/output/row_file.h"

#include "runner/output/csv_rows.h"
#include "runner/output/json_rows.h"
#include "runner/output/parquet_rows.h"
#include "runner/output/staged_rows.h"
#include "runner/output/text_rows.h"

namespace parallelrun {
namespace {

template <typename Rows>
std::unique_ptr<RowFile> make(std::unique_ptr<File> file) {
  return std::make_unique<Rows>(std::move(file));
}

}  // namespace

RowFileMaker row_file_maker(OutputFormat format) {
  switch (format) {
    case OutputFormat::kText:
      return make<TextRows>;
    case OutputFormat::kCsv:
      return make<CsvRows>;
    case OutputFormat::kJsonl:
      return make<JsonRows>;
    case OutputFormat::kParquet:
      return make<ParquetRows>;
  }
  return {};
}

bool is_staged(const Output& output) {
  return output.order == OutputOrder::kInput || output.format == OutputFormat::kParquet;
}

RowFileMaker row_file_maker(const Output& output) {
  RowFileMaker of_format = row_file_maker(output.format);
  if (!is_staged(output)) return of_format;
  return [of_format, order = output.order](std::unique_ptr<File> file) -> std::unique_ptr<RowFile> {
    return std::make_unique<StagedRows>(std::move(file), of_format, order);
  };
}

}  // namespace parallelrun
