#include "runner/output/row_file.h"

#include "runner/output/csv_rows.h"
#include "runner/output/json_rows.h"
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
    case OutputFormat::kParquet:  // common/spec refuses it so far
      break;
  }
  return {};
}

}  // namespace parallelrun
