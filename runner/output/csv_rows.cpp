#include "runner/output/csv_rows.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/result/try.h"
#include "common/text/first_of.h"
#include "common/text/presentable.h"
#include "runner/output/csv_records.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr std::size_t kFirstPiece = 64U << 10U;
constexpr std::size_t kLongestHeader = 64U << 20U;
constexpr std::size_t kNamesTold = 10;

Error not_csv(std::string_view record) {
  return Error{
      ErrorCode::kCorrupt,
      fmt::format("output.format is csv, but an agent sent rows that are not CSV with a header: '{}'; "
                  "the rows were not written. Use the same version for agents and orchestrator",
                  presentable(record.substr(0, 200)))};
}

std::string_view without_line_break(std::string_view record) { return record.substr(0, record.size() - 1); }

std::vector<std::string_view> columns_of(std::string_view header) {
  return csv_fields(without_line_break(header));
}

// Every record ends, and has as many fields as the header.
Status check_records(std::string_view records, std::size_t fields) {
  while (!records.empty()) {
    const std::size_t size = csv_record_size(records);
    if (size == std::string_view::npos) return not_csv(records);
    const std::string_view record = without_line_break(records.substr(0, size));
    if (csv_field_count(record) != fields) return not_csv(record);
    records.remove_prefix(size);
  }
  return {};
}

std::string named(const std::vector<std::string_view>& columns) {
  std::vector<std::string> names;
  for (const std::string_view column : columns) names.push_back(presentable(column));
  return first_of(names, kNamesTold, Joined::kNames);
}

std::vector<std::string_view> without(std::vector<std::string_view> columns,
                                      const std::vector<std::string_view>& others) {
  std::erase_if(columns, [&](std::string_view one) {
    return std::find(others.begin(), others.end(), one) != others.end();
  });
  return columns;
}

Error other_columns(const std::vector<std::string_view>& first,
                    const std::vector<std::string_view>& columns) {
  std::string differences;
  const auto missing = without(first, columns);
  const auto more = without(columns, first);
  if (!missing.empty()) differences += "it lacks " + named(missing);
  if (!more.empty()) differences += (missing.empty() ? "it also has " : "; it also has ") + named(more);
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("run() returned a table with the columns {}, but the first result of this job has "
                  "{}: {}. With output.format: csv every mini-batch must return the same columns. "
                  "Return all of them, with None where there is no value, or set output.format: jsonl",
                  named(columns), named(first), differences),
      false};
}

// The records with their fields in the order of `first`, which has the same columns.
Result<std::string> put_in_order(std::string_view records, const std::vector<std::string_view>& columns,
                                 const std::vector<std::string_view>& first) {
  std::vector<std::size_t> places;
  for (const std::string_view column : first) {
    const auto found = std::find(columns.begin(), columns.end(), column);
    places.push_back(static_cast<std::size_t>(found - columns.begin()));
  }
  std::string out;
  out.reserve(records.size());
  while (!records.empty()) {
    const std::size_t size = csv_record_size(records);
    if (size == std::string_view::npos) return not_csv(records);
    const auto fields = columns_of(records.substr(0, size));
    if (fields.size() != columns.size()) return not_csv(records.substr(0, size));
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (i > 0) out += ',';
      out += fields[places[i]];
    }
    out += '\n';
    records.remove_prefix(size);
  }
  return out;
}

// The columns of the first rows are those of all.
class SameColumns final : public RowCheck {
 public:
  explicit SameColumns(std::string header) : header_(std::move(header)) {}

  Status admit(std::string& rows) override {
    if (rows.empty()) return {};
    const std::size_t size = csv_record_size(rows);
    if (size == std::string_view::npos) return invalid(not_csv(rows));
    const std::string_view header = std::string_view(rows).substr(0, size);
    if (header_.empty()) header_ = header;
    if (header == header_) return {};
    const auto first = columns_of(header_);
    const auto columns = columns_of(header);
    if (!std::is_permutation(first.begin(), first.end(), columns.begin(), columns.end()))
      return other_columns(first, columns);
    auto ordered = put_in_order(rows, columns, first);
    if (!ordered) return invalid(ordered.error());
    rows = std::move(*ordered);
    return {};
  }

 private:
  static Error invalid(Error error) {
    error.code = ErrorCode::kInvalidArgument;
    return error;
  }

  std::string header_;  // with its line break; empty: nothing was admitted yet
};

}  // namespace

Status CsvRows::read_header() {
  if (std::exchange(looked_, true)) return {};
  ASSIGN_OR_RETURN(const std::uint64_t size, file().size());
  for (std::size_t wanted = kFirstPiece; size > 0; wanted *= 2) {
    header_.resize(wanted);
    ASSIGN_OR_RETURN(const std::size_t got, file().read(0, header_.data(), wanted));
    header_.resize(got);
    const std::size_t end = csv_record_size(header_);
    if (end != std::string::npos) {
      header_.resize(end);
      written_ = true;
      return {};
    }
    if (got < wanted || wanted >= kLongestHeader) return not_csv(header_);
  }
  return {};
}

Result<std::shared_ptr<RowCheck>> CsvRows::row_check() {
  RETURN_IF_ERROR(read_header());
  return std::shared_ptr<RowCheck>(std::make_shared<SameColumns>(header_));
}

Status CsvRows::check(const std::vector<std::string>& rows) {
  RETURN_IF_ERROR(read_header());
  for (const std::string& piece : rows) {
    if (piece.empty()) continue;
    const std::size_t size = csv_record_size(piece);
    if (size == std::string::npos) return not_csv(piece);
    if (header_.empty()) header_ = piece.substr(0, size);
    if (!piece.starts_with(header_) || size != header_.size()) return not_csv(piece);
    RETURN_IF_ERROR(
        check_records(std::string_view(piece).substr(size), csv_field_count(without_line_break(header_))));
  }
  return {};
}

Result<Appended> CsvRows::append(const std::vector<std::string>& rows, const std::vector<WorkId>&) {
  RETURN_IF_ERROR(check(rows));
  JoinedAppend out(file());
  if (!header_.empty() && !std::exchange(written_, true)) RETURN_IF_ERROR(out.add(header_));
  PieceLengths lengths(out);
  lengths.begin();
  for (const std::string& piece : rows) {
    if (!piece.empty()) RETURN_IF_ERROR(out.add(std::string_view(piece).substr(header_.size())));
    lengths.end_piece();
  }
  RETURN_IF_ERROR(out.flush());
  return lengths.appended();
}

}  // namespace parallelrun
