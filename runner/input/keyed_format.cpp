#include "runner/input/keyed_format.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/json/json.h"
#include "common/result/try.h"
#include "common/spec/nearest_name.h"
#include "common/spec/path_names.h"
#include "common/spec/problems.h"
#include "runner/input/expecting_listing.h"
#include "runner/input/keyed_cutter.h"
#include "runner/input/record_fields.h"
#include "runner/input/store_files.h"

namespace parallelrun {
namespace {

std::vector<std::string> names_of(const std::vector<PathKey>& keys) {
  std::vector<std::string> names;
  for (const PathKey& key : keys) names.push_back(key.name);
  return names;
}

}  // namespace

KeyedFormat::KeyedFormat(const Input& input, std::vector<std::string> keys,
                         std::unique_ptr<InputFormat> inside)
    : input_(input), keys_(std::move(keys)), inside_(std::move(inside)) {
  auto paths = PathKeys::of(input_);
  if (paths) {
    paths_ = std::move(*paths);
  } else {
    broken_ = paths.error();
  }
}

std::size_t KeyedFormat::Origin::columns() const {
  return static_cast<std::size_t>(std::count(in_path.begin(), in_path.end(), false));
}

KeyedFormat::Origin KeyedFormat::origin_of(const std::vector<PathKey>& first) const {
  Origin origin;
  for (const std::string& key : keys_) {
    const bool there =
        std::any_of(first.begin(), first.end(), [&](const PathKey& k) { return k.name == key; });
    origin.in_path.push_back(there || !is_table());
  }
  return origin;
}

std::optional<KeyTexts> KeyedFormat::texts_of(const std::string& path, const Origin& origin) const {
  const auto found = paths_.in(path);
  if (!found) return std::nullopt;
  KeyTexts texts(keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (!origin.in_path[i]) continue;
    const auto key =
        std::find_if(found->begin(), found->end(), [&](const PathKey& k) { return k.name == keys_[i]; });
    if (key == found->end()) return std::nullopt;
    texts[i] = key->text;
  }
  return texts;
}

std::optional<KeyType> KeyedFormat::declared(std::size_t key) const {
  const auto found = input_.columns.find(keys_[key]);
  return found == input_.columns.end() ? std::nullopt : std::optional(key_type_of(found->second));
}

KeyTexts KeyedFormat::canonical(const KeyTexts& texts, const Origin& origin) const {
  return canonical_keys({keys_of(texts, {}, origin), {}, {}, 0, 0});
}

std::vector<KeyedBatch::Key> KeyedFormat::keys_of(const KeyTexts& texts, const std::vector<KeyType>& types,
                                                  const Origin& origin) const {
  std::vector<KeyedBatch::Key> keys;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const KeyType type = types.empty() ? declared(i).value_or(KeyType::kText) : types[i];
    keys.push_back({keys_[i], !origin.in_path[i], type, !texts[i], texts[i].value_or("")});
  }
  return keys;
}

Error KeyedFormat::unknown_key(const std::string& key, const std::vector<std::string>& known,
                               const std::string& where) const {
  return Error{ErrorCode::kInvalidArgument,
               "spec.partitionKeys names " + in_quotes(key) + ", but " + where + did_you_mean(key, known)};
}

TableGrouping KeyedFormat::table_grouping(const Origin& origin, const TableSource& tables) const {
  TableGrouping grouping;
  grouping.input = input_;
  grouping.root = tables.root;
  if (tables.store) grouping.store = static_cast<const StoreFiles&>(*tables.store).options();
  grouping.in_path = origin.in_path;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    grouping.path_types.push_back(declared(i).value_or(KeyType::kText));
    if (origin.in_path[i]) {
      grouping.input.columns.erase(keys_[i]);
    } else {
      grouping.keys.push_back(keys_[i]);
    }
  }
  return grouping;
}

// The columns of all tables: what is wrong with them ends the job before any code of the user runs.
class KeyedFormat::ColumnCheck {
 public:
  ColumnCheck(const KeyedFormat& format, const std::vector<PathKey>& first, TableSource tables)
      : format_(format),
        origin_(format.origin_of(first)),
        known_(names_of(first)),
        tables_(std::move(tables)),
        fields_(format.inside_->record_fields(tables_.files())) {}

  Status all(const ListedObject& first, Listing& listing) {
    Behind files(first, listing, *this);
    Status checked = fields_ ? texts(files) : footers(files);
    RETURN_IF_ERROR(tables_.files().state());  // it knows better what went wrong
    return checked;
  }

 private:
  // The first file, and those behind it that have all keys of paths.
  class Behind final : public Listing {
   public:
    Behind(const ListedObject& first, Listing& listing, const ColumnCheck& check)
        : first_(first), listing_(listing), check_(check) {}
    Result<std::optional<ListedObject>> next() override {
      if (first_) return std::exchange(first_, std::nullopt);
      while (true) {
        auto object = listing_.next();
        if (!object || !*object || check_.format_.texts_of((*object)->path(), check_.origin_)) return object;
      }
    }

   private:
    std::optional<ListedObject> first_;
    Listing& listing_;
    const ColumnCheck& check_;
  };

  Status texts(Listing& files) {
    ExpectingListing listing(files, tables_.files(), {tables_.root});
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < format_.keys_.size(); ++i) {
      if (!origin_.in_path[i]) keys.push_back(format_.keys_[i]);
    }
    fields_->want(std::move(keys));
    bool known = false;  // the columns
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<ListedObject> object, listing.next());
      if (!object) return {};
      const std::string path = tables_.root + object->path();
      if (!known) {
        ASSIGN_OR_RETURN(const std::vector<std::string> columns, fields_->columns_of(path));
        RETURN_IF_ERROR(check(columns, path));
        known = !columns.empty();  // else it is a table without a record; the next file tells
      }
      RETURN_IF_ERROR(fields_->start(path));
      tables_.files().forget(path);
    }
  }

  Status footers(Listing& listing) {
    std::vector<FileToGroup> files;
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<ListedObject> object, listing.next());
      if (!object) break;
      files.push_back({object->path(), {}, object->size, std::string(object->version)});
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> columns,
                     check_tables(files, format_.table_grouping(origin_, tables_)));
    return check(columns, tables_.root + files.front().path);
  }

  Status check(const std::vector<std::string>& columns, const std::string& path) {
    if (columns.empty()) return {};
    known_.insert(known_.end(), columns.begin(), columns.end());
    for (std::size_t i = 0; i < format_.keys_.size(); ++i) {
      if (origin_.in_path[i] || std::find(columns.begin(), columns.end(), format_.keys_[i]) != columns.end())
        continue;
      return format_.unknown_key(
          format_.keys_[i], known_,
          "neither " + format_.paths_.words() + " nor the columns of " + path + " give it");
    }
    return {};
  }

  const KeyedFormat& format_;
  const Origin origin_;
  std::vector<std::string> known_;
  const TableSource tables_;
  const std::unique_ptr<RecordFields> fields_;
};

Status KeyedFormat::check(Listing& listing, const std::string& root) const {
  if (broken_) return *broken_;
  std::set<std::string> met;
  std::string first_path;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<ListedObject> object, listing.next());
    if (!object) break;
    const std::string path = object->path();
    const auto found = paths_.in(path);
    if (!found) continue;
    const Origin origin = origin_of(*found);
    if (origin.columns() > 0) return ColumnCheck(*this, *found, inside_->tables(root)).all(*object, listing);
    if (is_table() || texts_of(path, origin)) return {};
    for (const PathKey& key : *found) met.insert(key.name);
    if (first_path.empty()) first_path = path;
  }
  if (first_path.empty()) return {};  // no file: the planner says so
  const std::vector<std::string> known(met.begin(), met.end());
  for (const std::string& key : keys_) {
    if (met.contains(key)) continue;
    return unknown_key(key, known,
                       "no file of the input is in a folder " + in_quotes(key + "=...") +
                           "; the first file is " + in_quotes(first_path) +
                           ". Put files into such folders, or set pathPattern");
  }
  return unknown_key(keys_.front(), known, "no file has all keys in its path");
}

std::unique_ptr<InputCutter> KeyedFormat::cutter(Listing& listing, CutterOptions options) const {
  return std::make_unique<KeyedCutter>(*this, listing, std::move(options));
}

Result<std::string> KeyedFormat::last_object(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(const KeyedBatch batch, decode_keyed_batch(descriptor));
  if (batch.place == KeyedBatch::Place::kInput) return inside_->last_object(batch.pieces.back());
  ASSIGN_OR_RETURN(FileSlice slice, decode_file_slice(inside_->kind(), batch.pieces.back()));
  return std::move(slice.path);
}

Result<std::optional<std::vector<std::string>>> KeyedFormat::objects_of(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(const KeyedBatch batch, decode_keyed_batch(descriptor));
  std::vector<std::string> all;
  if (batch.place != KeyedBatch::Place::kInput) return std::optional<std::vector<std::string>>();
  for (const std::string& piece : batch.pieces) {
    ASSIGN_OR_RETURN(auto objects, inside_->objects_of(piece));
    if (!objects) return std::optional<std::vector<std::string>>();
    all.insert(all.end(), std::make_move_iterator(objects->begin()), std::make_move_iterator(objects->end()));
  }
  return std::optional(std::move(all));
}

Result<std::vector<PieceOfFile>> KeyedFormat::pieces_of(std::string_view descriptor) const {
  ASSIGN_OR_RETURN(const KeyedBatch batch, decode_keyed_batch(descriptor));
  const bool grouped = batch.place == KeyedBatch::Place::kGroups;
  std::vector<PieceOfFile> all;
  for (const std::string& piece : batch.pieces) {
    ASSIGN_OR_RETURN(std::vector<PieceOfFile> pieces, inside_->pieces_of(piece));
    for (PieceOfFile& one : pieces) {
      one.grouped = grouped;
      all.push_back(std::move(one));
    }
  }
  if (batch.origins_length > 0 && !all.empty()) {
    PieceOfFile origins = all.front();
    origins.bytes = ByteRange{batch.origins_offset, batch.origins_length};
    all.push_back(std::move(origins));
  }
  return all;
}

std::string KeyedFormat::same_items(std::string_view descriptor) const {
  Result<KeyedBatch> batch = decode_keyed_batch(descriptor);
  if (!batch || batch->place == KeyedBatch::Place::kInput) return std::string(descriptor);
  batch->pieces.clear();
  batch->origins_offset = 0;
  batch->origins_length = 0;
  return encode(*batch);
}

Result<std::optional<InputCutter::Piece>> KeyedFormat::part_of(std::string_view descriptor, ItemRange range,
                                                               const std::string& root) const {
  ASSIGN_OR_RETURN(KeyedBatch batch, decode_keyed_batch(descriptor));
  if (is_table() || batch.pieces.size() != 1) return std::optional<InputCutter::Piece>();
  ASSIGN_OR_RETURN(const std::optional<InputCutter::Piece> part,
                   inside_->part_of(batch.pieces[0], range, root));
  if (!part) return std::optional<InputCutter::Piece>();
  batch.pieces[0] = part->descriptor;
  return std::optional(InputCutter::Piece{part->items, encode(batch)});
}

Result<std::vector<StoredObject>> KeyedFormat::objects_to_fetch(std::string_view descriptor) const {
  if (!is_keyed_batch(descriptor)) return inside_->objects_to_fetch(descriptor);
  ASSIGN_OR_RETURN(const KeyedBatch batch, decode_keyed_batch(descriptor));
  std::vector<StoredObject> objects;
  if (batch.place == KeyedBatch::Place::kGroups) return objects;
  for (const std::string& piece : batch.pieces) {
    ASSIGN_OR_RETURN(std::vector<StoredObject> more, inside_->objects_to_fetch(piece));
    add_objects(objects, std::move(more));
  }
  return objects;
}

std::string KeyedFormat::localized(std::string_view descriptor, const std::vector<std::string>& paths) const {
  if (!is_keyed_batch(descriptor)) return inside_->localized(descriptor, paths);
  auto batch = decode_keyed_batch(descriptor);
  if (!batch || batch->place == KeyedBatch::Place::kGroups) return std::string(descriptor);
  std::vector<StoredObject> objects;
  for (std::string& piece : batch->pieces) {
    auto more = inside_->objects_to_fetch(piece);
    if (!more) return {};
    // Where they are in the list of all.
    const std::size_t count = more->size();
    add_objects(objects, std::move(*more));
    if (objects.size() > paths.size() || count > objects.size()) return {};
    const auto end = paths.begin() + static_cast<std::ptrdiff_t>(objects.size());
    piece = inside_->localized(piece, {end - static_cast<std::ptrdiff_t>(count), end});
  }
  return encode(*batch);
}

nlohmann::ordered_json KeyedFormat::items_of(std::string_view descriptor, const std::string& root) const {
  nlohmann::ordered_json members = nlohmann::ordered_json::object();
  const Result<KeyedBatch> batch = decode_keyed_batch(descriptor);
  if (!batch) return members;
  nlohmann::ordered_json& keys = members["partitionKeys"] = nlohmann::ordered_json::object();
  for (const KeyedBatch::Key& key : batch->keys)
    keys[key.name] = key.missing ? nlohmann::ordered_json() : nlohmann::ordered_json(key.text);
  if (batch->place == KeyedBatch::Place::kGroups) return members;
  if (batch->pieces.size() == 1) {
    members.update(inside_->items_of(batch->pieces[0], root));
    return members;
  }
  nlohmann::ordered_json& parts = members["parts"] = nlohmann::ordered_json::array();
  for (const std::string& piece : batch->pieces) parts.push_back(inside_->items_of(piece, root));
  return members;
}

void KeyedFormat::tell_worker(nlohmann::json& entry) const {
  inside_->tell_worker(entry);
  entry["inside"] = static_cast<int>(inside_->kind());
  entry["partition_keys"] = keys_;
  nlohmann::json types = nlohmann::json::object();
  for (const std::string& key : keys_) {
    const auto found = input_.columns.find(key);
    if (found != input_.columns.end()) types[key] = to_string(found->second);
  }
  entry["key_types"] = std::move(types);
  if (const auto names = names_in_path_pattern(input_.path_pattern); names && !input_.path_pattern.empty())
    entry["pattern_names"] = *names;
}

}  // namespace parallelrun
