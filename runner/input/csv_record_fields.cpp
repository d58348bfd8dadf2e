#include "runner/input/csv_record_fields.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/result/try.h"
#include "common/spec/nearest_name.h"
#include "common/spec/problems.h"
#include "common/text/counted.h"
#include "runner/input/csv_gaps.h"
#include "runner/input/csv_header.h"

namespace parallelrun {
namespace {

Error cannot_group(const std::string& path, const std::string& what) {
  return Error{ErrorCode::kInvalidArgument, path + " " + what};
}

std::string_view without_its_break(std::string_view record) {
  if (record.ends_with('\n')) record.remove_suffix(1);
  if (record.ends_with('\r')) record.remove_suffix(1);
  return record;
}

}  // namespace

CsvRecordFields::CsvRecordFields(const Input& input, TableFiles& files)
    : input_(input),
      format_{dialect_of(input), input.encoding, input.header},
      cutter_({format_, 1, &files}),
      files_(files) {}

// The names of the columns; empty: the file has no record.
Result<std::vector<std::string>> CsvRecordFields::open(const std::string& path) {
  path_ = path;
  file_.reset();
  ended_ = true;
  without_records_.reset();
  cutter_.start(path);
  const std::optional<FileSlice> first = cutter_.next();
  if (!first) {
    without_records_ = cutter_.without_records().value_or(PassedKind::kEmptyTable);
    return std::vector<std::string>();
  }
  if (first->check == FileSlice::Check::kEnds) {
    return cannot_group(
        path,
        "is packed, and records of packed files cannot be grouped by columns; unpack it, or put the "
        "keys into folder names like key=value");
  }
  file_ = files_.open(path);
  if (!file_->state() || first->check == FileSlice::Check::kSize)
    return Error{ErrorCode::kIo, path + " cannot be read: " + why_unreadable(*file_)};
  if (first->header.empty()) {
    return cannot_group(path,
                        "cannot be read record by record as " + input_.encoding +
                            ", which grouping by columns needs; convert it to UTF-8, or put the keys into "
                            "folder names like key=value");
  }
  std::vector<std::string> names = header_fields(first->header, format_.dialect);
  if (!format_.header) {
    if (input_.column_names.empty()) {
      for (std::size_t i = 0; i < names.size(); ++i) names[i] = std::to_string(i);
    } else if (input_.column_names.size() != names.size()) {
      return cannot_group(
          path, "has " + counted(names.size(), "field") + " in its first record, but columnNames has " +
                    std::to_string(input_.column_names.size()) + "; name all columns, and no more");
    } else {
      names = input_.column_names;
    }
  }
  if (header_.empty()) {
    header_ = first->header;
    columns_ = names;
  }
  begin_ = first->offset;
  window_.start(*file_, first->offset, first->file_size);
  scan_.start(window_, format_.dialect);
  at_ = 0;
  row_ = 0;
  ended_ = false;
  return names;
}

Result<std::vector<std::string>> CsvRecordFields::columns_of(const std::string& path) {
  auto names = open(path);
  ended_ = true;
  header_.clear();
  return names;
}

Status CsvRecordFields::start(const std::string& path) {
  order_.clear();
  fields_.clear();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, open(path));
  if (names.empty()) return {};
  if (names != columns_) {
    std::vector<std::string> ours = names;
    std::vector<std::string> firsts = columns_;
    std::sort(ours.begin(), ours.end());
    std::sort(firsts.begin(), firsts.end());
    const bool twice = std::adjacent_find(ours.begin(), ours.end()) != ours.end();
    if (ours != firsts || twice) {
      return cannot_group(
          path,
          "has other columns than the first file of the input; records of both cannot be in one group: "
          "give all files the same columns");
    }
    for (const std::string& column : columns_) {
      order_.push_back(
          static_cast<std::size_t>(std::find(names.begin(), names.end(), column) - names.begin()));
    }
  }
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    const auto found = std::find(columns_.begin(), columns_.end(), wanted_[i]);
    if (found == columns_.end()) {
      return cannot_group(path, "has no column " + in_quotes(wanted_[i]) + ", which partitionKeys names" +
                                    did_you_mean(wanted_[i], columns_));
    }
    const auto declared = input_.columns.find(wanted_[i]);
    const bool text = declared != input_.columns.end() && declared->second == ColumnType::kString;
    fields_.push_back({static_cast<std::size_t>(found - columns_.begin()), i, text && !input_.na_values});
  }
  std::sort(fields_.begin(), fields_.end(),
            [](const Wanted& a, const Wanted& b) { return a.field < b.field; });
  return {};
}

bool CsvRecordFields::is_missing(std::string_view text, bool declared_text) const {
  if (text.empty()) return true;
  if (declared_text) return false;
  if (input_.na_values) {
    return std::find(input_.na_values->begin(), input_.na_values->end(), text) != input_.na_values->end();
  }
  return text.size() <= 8 && std::find(kCsvGaps.begin(), kCsvGaps.end(), text) != kCsvGaps.end();
}

void CsvRecordFields::read_plain(std::string_view record, KeyTexts& texts) const {
  std::size_t field = 0;
  const char* at = record.data();
  const char* const end = at + record.size();
  for (const Wanted& wanted : fields_) {
    const char* stop = end;
    while (true) {
      const auto* found = static_cast<const char*>(
          at == end ? nullptr
                    : std::memchr(at, format_.dialect.delimiter, static_cast<std::size_t>(end - at)));
      stop = found == nullptr ? end : found;
      if (field == wanted.field) break;
      if (found == nullptr) return;  // too few fields: the rest is missing, and its mini-batch fails
      at = found + 1;
      ++field;
    }
    const std::string_view text(at, static_cast<std::size_t>(stop - at));
    if (!is_missing(text, wanted.declared_text)) texts[wanted.text].emplace(text);
    if (stop == end) return;
    at = stop + 1;
    ++field;
  }
}

void CsvRecordFields::read_dialect(std::string_view record, KeyTexts& texts) {
  using csv::Place;
  const CsvDialect& dialect = format_.dialect;
  std::size_t field = 0;
  auto wanted = fields_.begin();
  Place place = Place::kFieldStart;
  text_.clear();
  const auto end_field = [&] {
    if (wanted != fields_.end() && wanted->field == field) {
      if (!is_missing(text_, wanted->declared_text)) texts[wanted->text] = text_;
      ++wanted;
    }
    text_.clear();
    ++field;
  };
  for (const char c : record) {
    if (wanted == fields_.end()) return;
    const auto byte = static_cast<unsigned char>(c);
    const Place after = csv::next(place, byte, dialect);
    if (csv::separates(place, byte, dialect)) {
      end_field();
    } else if (wanted->field == field) {
      const bool escape = after == Place::kEscaped || after == Place::kQuotedEscaped;
      const bool opens = place == Place::kFieldStart && after == Place::kQuoted;
      const bool closes = place == Place::kQuoted && after == Place::kBehindQuote;
      if (!escape && !opens && !closes && after != Place::kComment) text_.push_back(c);
    }
    place = after;
  }
  end_field();
}

// The fields as they stand, in the first file's order. A record of another number of fields stays as it is:
// its
// mini-batch fails.
std::string_view CsvRecordFields::in_first_order(std::string_view record) {
  const std::string_view line = without_its_break(record);
  std::vector<std::string_view> fields;
  csv::Place place = csv::Place::kFieldStart;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (csv::separates(place, byte, format_.dialect)) {
      fields.push_back(line.substr(begin, i - begin));
      begin = i + 1;
    }
    place = csv::next(place, byte, format_.dialect);
    if (place == csv::Place::kComment) return record;
  }
  fields.push_back(line.substr(begin));
  if (fields.size() != order_.size()) return record;
  reordered_.clear();
  for (std::size_t i = 0; i < order_.size(); ++i) {
    if (i > 0) reordered_ += static_cast<char>(format_.dialect.delimiter);
    reordered_ += fields[order_[i]];
  }
  reordered_ += record.substr(line.size());
  return reordered_;
}

std::string_view CsvRecordFields::without_blank_rows(std::string_view bytes) const {
  std::size_t first = 0;
  csv::Place place = csv::Place::kFieldStart;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (csv::is_break(byte)) {
      first = i + 1;
    } else if (!csv::stays_blank(place, byte, format_.dialect)) {
      break;
    }
    place = csv::next(place, byte, format_.dialect);
  }
  return bytes.substr(first);
}

Result<bool> CsvRecordFields::next(Record& record, KeyTexts& texts) {
  texts.assign(wanted_.size(), {});
  if (ended_) return false;
  const auto stride = scan_.next(0);
  if (!stride) {
    return Error{ErrorCode::kIo, path_ + " cannot be read: " + stride.error().message};
  }
  ended_ = stride->at_end;
  if (ended_ && scan_.ended_in_quotes()) {
    return cannot_group(path_,
                        "has a quote in row " + std::to_string(row_ + stride->rows) +
                            " that never closes; so it cannot be told which records follow: mend the file");
  }
  if (stride->records == 0) {
    if (row_ == 0) without_records_ = PassedKind::kHeaderOnlyTable;
    return false;
  }
  std::string_view bytes = window_.bytes(at_, stride->end);
  at_ = stride->end;
  row_ += stride->rows;
  if (stride->rows > 1) bytes = without_blank_rows(bytes);
  if (ended_ && !bytes.empty() && static_cast<unsigned char>(bytes.back()) == format_.dialect.escape) {
    return cannot_group(path_,
                        "ends with the escape character, which would take the record behind it into its "
                        "last one; end the file with a line break");
  }
  if (!order_.empty()) bytes = in_first_order(bytes);
  record.bytes = bytes;
  record.row = row_;
  const std::string_view line = without_its_break(bytes);
  const int quote = format_.dialect.quote;
  if (format_.dialect.is_simple() && std::memchr(line.data(), quote, line.size()) == nullptr) {
    read_plain(line, texts);
  } else {
    read_dialect(line, texts);
  }
  return true;
}

}  // namespace parallelrun
