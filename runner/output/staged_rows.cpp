#include "runner/output/staged_rows.h"

#include <algorithm>
#include <utility>

#include "common/result/try.h"
#include "runner/output/begin_anew.h"
#include "runner/plan/split.h"
#include "runner/wire/wire.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr std::size_t kHead = kStagedHead;
constexpr std::uint32_t kCheck = 0x73776F72U;  // "rows"
constexpr std::size_t kWindow = 64U << 10U;
constexpr std::size_t kAtOnce = 4U << 20U;  // bytes of rows

// What a format that only judges rows writes to.
class Nowhere final : public File {
 public:
  Result<std::uint64_t> size() override { return std::uint64_t{0}; }
  Status append(std::string_view) override { return {}; }
  Result<std::size_t> read(std::uint64_t, char*, std::size_t) override { return std::size_t{0}; }
  Status truncate(std::uint64_t) override { return {}; }
  Status refresh(std::uint64_t, std::uint64_t) override { return {}; }
  Status sync() override { return {}; }
};

// A file that is written from its begin to its end, and what has been written.
class Measured final : public File {
 public:
  Measured(std::unique_ptr<File> file, RunningChecksum& sum, std::uint64_t& length)
      : file_(std::move(file)), sum_(sum), length_(length) {}

  Result<std::uint64_t> size() override { return file_->size(); }
  Status append(std::string_view bytes) override {
    sum_.update(bytes);
    length_ += bytes.size();
    return file_->append(bytes);
  }
  Result<std::size_t> read(std::uint64_t offset, char* buffer, std::size_t size) override {
    return file_->read(offset, buffer, size);
  }
  Status truncate(std::uint64_t size) override { return file_->truncate(size); }
  Status refresh(std::uint64_t offset, std::uint64_t size) override { return file_->refresh(offset, size); }
  Status sync() override { return file_->sync(); }

 private:
  std::unique_ptr<File> file_;
  RunningChecksum& sum_;
  std::uint64_t& length_;
};

std::string encode_head(const WorkId& work, std::uint64_t length) {
  std::string head;
  wire::Writer writer(head);
  writer.u64(work.mini_batch.value);
  writer.u32(work.part);
  writer.u32(kCheck);
  writer.u64(length);
  return head;
}

Error damaged(std::uint64_t offset) {
  return Error{ErrorCode::kCorrupt, fmt::format("{} holds no rows at byte {}; restore the file, or {}",
                                                kStagedRowsPath, offset, kBeginAnew)};
}

}  // namespace

StagedRows::StagedRows(std::unique_ptr<File> file, RowFileMaker maker, OutputOrder order)
    : RowFile(std::move(file)), maker_(std::move(maker)), order_(order) {}

StagedRows::~StagedRows() = default;

// The frames in the order in which they were committed. Heads of small frames are read many at a time.
Status StagedRows::for_each(const Visit& visit) {
  ASSIGN_OR_RETURN(const std::uint64_t size, file().size());
  std::string window;
  std::uint64_t begin = 0;  // of the window
  for (std::uint64_t at = 0; at < size;) {
    if (at < begin || at + kHead > begin + window.size()) {
      begin = at;
      window.resize(kWindow);
      ASSIGN_OR_RETURN(const std::size_t got, file().read(begin, window.data(), window.size()));
      window.resize(got);
    }
    wire::Reader reader(std::string_view(window).substr(static_cast<std::size_t>(at - begin), kHead));
    Place place;
    place.work.mini_batch.value = reader.u64();
    place.work.part = reader.u32();
    const std::uint32_t check = reader.u32();
    place.length = reader.u64();
    place.offset = at + kHead;
    if (!reader.ok() || check != kCheck || place.length > size - place.offset) return damaged(at);
    RETURN_IF_ERROR(visit(place));
    at = place.offset + place.length;
  }
  return {};
}

// In the order of the plan. The places of a stretch of mini-batches are in memory at a time; a job of more is
// gone through again for each stretch.
Status StagedRows::in_order(const Visit& visit) {
  std::uint64_t past = 0;
  RETURN_IF_ERROR(for_each([&past](const Place& place) -> Status {
    past = std::max(past, place.work.mini_batch.value + 1);
    return {};
  }));
  std::vector<Place> places;
  for (std::uint64_t begin = 0; begin < past; begin += kSealedAtOnce) {
    places.clear();
    RETURN_IF_ERROR(for_each([&](const Place& place) -> Status {
      const std::uint64_t id = place.work.mini_batch.value;
      if (id >= begin && id - begin < kSealedAtOnce) places.push_back(place);
      return {};
    }));
    std::sort(places.begin(), places.end(),
              [](const Place& a, const Place& b) { return comes_before(a.work, b.work); });
    for (const Place& place : places) RETURN_IF_ERROR(visit(place));
  }
  return {};
}

Result<std::string> StagedRows::read(const Place& place) {
  std::string rows(static_cast<std::size_t>(place.length), '\0');
  ASSIGN_OR_RETURN(const std::size_t got, file().read(place.offset, rows.data(), rows.size()));
  if (got < rows.size()) return damaged(place.offset);
  return rows;
}

// What the rows that are in the file have decided for all of them, and for those that come.
Status StagedRows::teach(RowFile& format) {
  return for_each([&](const Place& place) -> Status {
    if (format.knows_its_rows()) return {};
    ASSIGN_OR_RETURN(const std::string rows, read(place));
    return format.check({rows});
  });
}

Status StagedRows::learn() {
  if (format_ != nullptr) return {};
  std::unique_ptr<RowFile> format = maker_(std::make_unique<Nowhere>());
  RETURN_IF_ERROR(teach(*format));
  format_ = std::move(format);
  return {};
}

Status StagedRows::check(const std::vector<std::string>& rows) {
  RETURN_IF_ERROR(learn());
  return format_->check(rows);
}

Result<std::shared_ptr<RowCheck>> StagedRows::row_check() {
  RETURN_IF_ERROR(learn());
  return format_->row_check();
}

Result<Appended> StagedRows::append(const std::vector<std::string>& rows, const std::vector<WorkId>& of) {
  RETURN_IF_ERROR(check(rows));
  JoinedAppend out(file());
  PieceLengths lengths(out);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].empty()) {
      RETURN_IF_ERROR(out.add(encode_head(of.at(i), rows[i].size())));
      RETURN_IF_ERROR(out.add(rows[i]));
    }
    lengths.end_piece();
  }
  RETURN_IF_ERROR(out.flush());
  return lengths.appended();
}

Result<std::optional<Appended>> StagedRows::seal(Storage& storage, const std::string& path) {
  const std::string aside = storage.aside(path);
  RETURN_IF_ERROR(storage.remove(aside));
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, storage.open(aside));
  RunningChecksum sum;
  Appended written;
  const std::unique_ptr<RowFile> sealed =
      maker_(std::make_unique<Measured>(std::move(file), sum, written.length));
  RETURN_IF_ERROR(teach(*sealed));
  std::vector<std::string> rows;
  std::size_t bytes = 0;
  const auto write = [&]() -> Status {
    ASSIGN_OR_RETURN(const Appended done, sealed->append(std::exchange(rows, {}), {}));
    static_cast<void>(done);
    bytes = 0;
    return {};
  };
  const Visit add = [&](const Place& place) -> Status {
    ASSIGN_OR_RETURN(std::string piece, read(place));
    bytes += piece.size();
    rows.push_back(std::move(piece));
    return bytes >= kAtOnce ? write() : Status();
  };
  RETURN_IF_ERROR(order_ == OutputOrder::kInput ? in_order(add) : for_each(add));
  RETURN_IF_ERROR(write());
  RETURN_IF_ERROR(sealed->finish());
  RETURN_IF_ERROR(sealed->file().sync());
  written.checksum = sum.value();
  RETURN_IF_ERROR(put_in_place(storage, aside, path));
  return std::optional(written);
}

}  // namespace parallelrun
