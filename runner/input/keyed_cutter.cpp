#include "runner/input/keyed_cutter.h"

#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "common/result/try.h"
#include "runner/input/expecting_listing.h"
#include "runner/input/file_slice.h"
#include "runner/input/table_groups.h"

namespace parallelrun {

Status KeyedCutter::resume_after(std::string_view descriptor) {
  ASSIGN_OR_RETURN(const KeyedBatch batch, decode_keyed_batch(descriptor));
  if (batch.keys.size() != format_.keys().size()) return corrupt_descriptor("it has other partition keys");
  done_ = packed(canonical_keys(batch));
  return {};
}

// All objects, by what their paths say.
Status KeyedCutter::list() {
  bool decided = false;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<ListedObject> object, listing_.next());
    if (!object) break;
    if (options_.stopped != nullptr && *options_.stopped)
      return Error{ErrorCode::kAborted, "listing was ended"};
    const std::string path = object->path();
    if (!decided) {
      if (const auto found = format_.paths().in(path)) {
        origin_ = format_.origin_of(*found);
        decided = true;
      }
    }
    const std::optional<KeyTexts> texts = decided ? format_.texts_of(path, origin_) : std::nullopt;
    if (!texts) {
      if (options_.passed != nullptr) options_.passed->add(PassedKind::kOtherPath, path);
      continue;
    }
    ++objects_;
    // Files whose records are grouped keep the order of the listing.
    const bool grouped = origin_.columns() > 0;
    files_.add(*object, grouped ? std::string() : packed(format_.canonical(*texts, origin_)), *texts);
  }
  files_.sort();
  by_columns_ = origin_.columns() > 0;
  return {};
}

Status KeyedCutter::begin() {
  RETURN_IF_ERROR(list());
  if (files_.files() == 0) return {};
  if (by_columns_) return group();
  reader_.emplace(files_);
  InputFormat::CutterOptions inside = options_;
  inside.mini_batch_size = std::numeric_limits<std::uint64_t>::max();
  inside_ = format_.inside().cutter(*reader_, std::move(inside));
  return {};
}

Status KeyedCutter::group() {
  std::optional<RecordGroups> found;
  if (done_) {  // what is planned names the files of that grouping
    ASSIGN_OR_RETURN(found, find_groups(options_.groups_directory));
  }
  if (!found) {
    ASSIGN_OR_RETURN(found, grouped(options_.groups_directory));
  }
  groups_ = std::move(*found);
  if (options_.passed != nullptr) {
    for (const PassedOver& passed : groups_.passed)
      options_.passed->add(passed.kind, passed.first, passed.count);
  }
  return {};
}

Result<RecordGroups> KeyedCutter::grouped(const std::string& directory) {
  const TableSource tables = format_.inside().tables(options_.root);
  const std::unique_ptr<RecordFields> fields = format_.inside().record_fields(tables.files());
  if (!fields) return grouped_tables(tables, directory);
  GroupingOptions grouping;
  grouping.root = tables.root;
  grouping.directory = directory;
  grouping.stopped = options_.stopped;
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < format_.keys().size(); ++i) {
    grouping.declared.push_back(origin_.in_path[i] ? format_.declared(i).value_or(KeyType::kText)
                                                   : format_.declared(i));
    if (origin_.in_path[i]) continue;
    grouping.columns.push_back(i);
    columns.push_back(format_.keys()[i]);
  }
  fields->want(std::move(columns));
  KeyedFiles::Reader reader(files_);
  reader.group(0);
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<ListedObject> object, reader.next());
    if (!object) break;
    struct stat info{};
    if (tables.store) {
      grouping.input_bytes += object->size.value_or(0);
    } else if (::stat((tables.root + object->path()).c_str(), &info) == 0) {
      grouping.input_bytes += static_cast<std::uint64_t>(std::max<off_t>(info.st_size, 0));
    }
  }
  reader.group(0);
  ExpectingListing listing(reader, tables.files(), {tables.root});
  std::string before;
  const auto next_file = [&]() -> Result<std::optional<FileToGroup>> {
    if (!before.empty()) tables.files().forget(tables.root + before);
    ASSIGN_OR_RETURN(const std::optional<ListedObject> object, listing.next());
    if (!object) return std::optional<FileToGroup>();
    FileToGroup file{object->path(), {}};
    before = file.path;
    file.texts = format_.texts_of(file.path, origin_).value_or(KeyTexts(format_.keys().size()));
    return std::optional(std::move(file));
  };
  auto groups = group_records(*fields, next_file, grouping);
  RETURN_IF_ERROR(tables.files().state());  // it knows better what went wrong
  return groups;
}

Result<RecordGroups> KeyedCutter::grouped_tables(const TableSource& tables, const std::string& directory) {
  TableGrouping grouping = format_.table_grouping(origin_, tables);
  grouping.directory = directory;
  grouping.stopped = options_.stopped;
  std::vector<FileToGroup> files;
  KeyedFiles::Reader reader(files_);
  reader.group(0);
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<ListedObject> object, reader.next());
    if (!object) break;
    FileToGroup file{object->path(), {}, object->size, std::string(object->version)};
    const auto texts = format_.texts_of(file.path, origin_);
    file.texts = format_.canonical(texts.value_or(KeyTexts(format_.keys().size())), origin_);
    files.push_back(std::move(file));
  }
  return group_tables(files, grouping);
}

Result<std::optional<InputCutter::Piece>> KeyedCutter::next() {
  if (!std::exchange(begun_, true)) RETURN_IF_ERROR(begin());
  return by_columns_ ? next_records() : next_files();
}

Result<std::optional<InputCutter::Piece>> KeyedCutter::next_files() {
  for (; at_ < files_.groups(); ++at_) {
    if (is_done(files_.packed(at_))) continue;
    reader_->group(at_);
    KeyedBatch batch;
    std::uint64_t items = 0;
    bool known = true;
    while (true) {
      Result<std::optional<Piece>> piece = inside_->next();
      if (!piece) return piece.error();
      if (!*piece) break;
      known = known && (*piece)->items > 0;
      items += (*piece)->items;
      batch.pieces.push_back(std::move((*piece)->descriptor));
    }
    if (batch.pieces.empty()) continue;  // tables without a record, which were counted
    batch.keys = format_.keys_of(files_.texts(at_), {}, origin_);
    ++at_;
    return std::optional(Piece{known ? items : 0, encode(batch)});
  }
  return std::optional<Piece>();
}

Result<std::optional<InputCutter::Piece>> KeyedCutter::next_records() {
  for (; at_ < groups_.groups.size(); ++at_) {
    const RecordGroup& group = groups_.groups[at_];
    if (done_ && is_done(packed(groups_.canonical(group)))) continue;
    const FileSlice slice = slice_of(group);
    KeyedBatch batch;
    batch.keys = format_.keys_of(group.texts, groups_.types, origin_);
    batch.place = KeyedBatch::Place::kGroups;
    batch.pieces.push_back(encode(format_.inside().kind(), slice));
    if (groups_.tables.empty()) {
      batch.origins_offset = group.offset + group.length;
      batch.origins_length = group.origins_length;
    }
    ++at_;
    return std::optional(Piece{group.records, encode(batch)});
  }
  return std::optional<Piece>();
}

FileSlice KeyedCutter::slice_of(const RecordGroup& group) const {
  FileSlice slice;
  slice.records = group.records;
  slice.check = FileSlice::Check::kBytes;
  if (groups_.tables.empty()) {
    slice.path = groups_.data_file;
    slice.offset = group.offset;
    slice.length = group.length;
    slice.first_row = 1;
    slice.file_size = groups_.data_size;
    slice.hash = group.hash;
    slice.header = groups_.header;
    return slice;
  }
  const GroupedTable& table = groups_.tables[group.table];
  slice.path = table.name;
  slice.offset = table.footer;
  slice.length = table.size - table.footer;
  slice.first_row = group.offset + 1;
  slice.file_size = table.size;
  slice.hash = table.hash;
  return slice;
}

}  // namespace parallelrun
