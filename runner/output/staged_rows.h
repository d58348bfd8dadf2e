// Rows that become the output file at the end of the job, and not before: their order is that of the input
// then [output.order], or they need one footer behind them all.
//
// Until then they lie in kStagedRowsPath as they are committed:
//
//   frame  u64 mini_batch | u32 part | u32 check | u64 length | rows as their encoder made them
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/spec/job_spec.h"
#include "runner/output/row_file.h"
#include "runner/output/storage.h"

namespace parallelrun {

inline constexpr const char* kStagedRowsPath = ".parallelrun/rows";
// Bytes of a frame before its rows.
inline constexpr std::uint64_t kStagedHead = 24;

class StagedRows final : public RowFile {
 public:
  // `maker`: of the output's format.
  StagedRows(std::unique_ptr<File> file, RowFileMaker maker, OutputOrder order);
  ~StagedRows() override;

  Status check(const std::vector<std::string>& rows) override;
  Result<Appended> append(const std::vector<std::string>& rows, const std::vector<WorkId>& of) override;
  Result<std::shared_ptr<RowCheck>> row_check() override;

  // Writes all rows that are in the file anew, aside, and puts them in the place of `path`. What is there
  // stays as it is until then. Memory: about kSealedAtOnce x 32 bytes and one mini-batch.
  Result<std::optional<Appended>> seal(Storage& storage, const std::string& path) override;

  // Mini-batches whose places are in memory at the same time.
  static constexpr std::uint64_t kSealedAtOnce = 1U << 20U;

 private:
  struct Place {
    WorkId work;
    std::uint64_t offset = 0;  // of the rows
    std::uint64_t length = 0;
  };
  using Visit = std::function<Status(const Place&)>;

  Status teach(RowFile& format);
  Status learn();
  Status for_each(const Visit& visit);
  Status in_order(const Visit& visit);
  Result<std::string> read(const Place& place);

  RowFileMaker maker_;
  OutputOrder order_;
  std::unique_ptr<RowFile> format_;  // over a file that keeps nothing; null before learn()
};

}  // namespace parallelrun
