#include "runner/job/contents_recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/job/file_stamp.h"

namespace parallelrun {
namespace {

std::string aside(const std::string& path) { return path + ".new"; }

Status put_in_place(const std::string& path) {
  std::error_code error;
  std::filesystem::rename(aside(path), path, error);
  if (!error) return {};
  return Error{ErrorCode::kIo, fmt::format("'{}' cannot be put in its place: {}", path, error.message())};
}

}  // namespace

bool DigestAllowance::take(std::uint64_t size) {
  if (files == 0 || size > bytes) return false;
  --files;
  bytes -= size;
  return true;
}

class ContentsRecorder::RecordedListing final : public Listing {
 public:
  RecordedListing(ContentsRecorder& recorder, std::string name, std::string root,
                  std::unique_ptr<Listing> all)
      : recorder_(recorder), name_(std::move(name)), root_(std::move(root)), all_(std::move(all)) {}

  Result<std::optional<ListedObject>> next() override {
    auto object = all_->next();
    if (!object || recorder_.trouble_) return object;
    if (!begun_) begin();
    if (*object) {
      record(**object);
    } else if (recorder_.in_part_) {
      if (const Status ended = recorder_.writer_->end(); !ended) recorder_.give_up(ended.error());
      recorder_.in_part_ = false;
    }
    return object;
  }

 private:
  void begin() {
    begun_ = true;
    if (recorder_.in_part_) return recorder_.give_up({ErrorCode::kIo, "an input was not listed to its end"});
    recorder_.in_part_ = true;
    if (const Status begun = recorder_.writer_->begin(name_); !begun) recorder_.give_up(begun.error());
  }

  void record(const ListedObject& object) {
    if (root_.empty()) {
      ContentEntry entry = stamp_of_object(object.size.value_or(0), object.version);
      entry.path = object.path();
      return recorder_.add(std::move(entry), {});
    }
    if (object.folder != folder_ || !open_folder_) open(object.folder);
    name_in_folder_ = object.name;
    std::optional<ContentEntry> entry = stamp_of_file(name_in_folder_, open_folder_.get());
    file_.assign(root_).append(object.folder).append(object.name);
    if (!entry) return recorder_.give_up({ErrorCode::kConflict, fmt::format("'{}' is gone", file_)});
    entry->path.assign(object.folder).append(object.name);
    recorder_.add(std::move(*entry), file_);
  }

  // A million paths need not be looked up from the root of the file system.
  void open(std::string_view folder) {
    folder_ = folder;
    open_folder_ = FileDescriptor(::open((root_ + folder_).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  ContentsRecorder& recorder_;
  const std::string name_;
  const std::string root_;
  const std::unique_ptr<Listing> all_;
  std::string file_;
  std::string name_in_folder_;
  std::string folder_;
  FileDescriptor open_folder_;
  bool begun_ = false;
};

Result<std::unique_ptr<ContentsRecorder>> ContentsRecorder::create(std::string path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  ASSIGN_OR_RETURN(std::unique_ptr<ContentsWriter> writer, ContentsWriter::create(aside(path)));
  return std::unique_ptr<ContentsRecorder>(new ContentsRecorder(std::move(path), std::move(writer)));
}

void ContentsRecorder::give_up(const Error& why) {
  if (!trouble_) trouble_ = why;
}

std::unique_ptr<Listing> ContentsRecorder::listed(std::string name, std::string root,
                                                  std::unique_ptr<Listing> all) {
  return std::make_unique<RecordedListing>(*this, std::move(name), std::move(root), std::move(all));
}

// `file`: where it can be read; empty: nowhere.
void ContentsRecorder::add(ContentEntry entry, const std::string& file) {
  if (trouble_) return;
  if (entry.trust == ContentEntry::Trust::kNone && !untold_)
    untold_ = {ErrorCode::kConflict, fmt::format("the store gives no version of '{}'", entry.path)};
  if (entry.trust == ContentEntry::Trust::kDigest && !allowance_.take(entry.size)) {
    entry.trust = ContentEntry::Trust::kNone;
    if (!untold_) {
      untold_ = {ErrorCode::kConflict,
                 fmt::format("'{}' was written less than {} seconds before it was listed, and there is too "
                             "much of such files to read",
                             file, kFreshFile.count())};
    }
  }
  if (entry.trust == ContentEntry::Trust::kDigest) {
    auto digest = digest_of_content(file);
    if (!digest) return give_up(digest.error());
    entry.sha256 = std::move(*digest);
  }
  few_ = few_ && all_.take(entry.size);
  any_digest_ = any_digest_ || !entry.sha256.empty();
  if (const Status added = writer_->add(entry); !added) give_up(added.error());
}

void ContentsRecorder::directory(const std::string& name, const std::string& path,
                                 const std::function<bool(std::string_view)>& takes,
                                 const std::optional<FileIdentity>& left_out, std::uint64_t most) {
  if (trouble_) return;
  if (const Status begun = writer_->begin(name); !begun) return give_up(begun.error());
  struct stat info{};
  const bool is_file = ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
  if (is_file) {
    if (std::optional<ContentEntry> entry = stamp_of_file(path)) add(std::move(*entry), path);
  } else {
    FileWalk::Options options;
    options.root = path;
    options.exclude = left_out;
    options.everything = !takes;
    auto walk = FileWalk::open(std::move(options));
    if (!walk) return give_up(walk.error());
    const std::string root = FileWalk::root_of(path);
    for (std::uint64_t looked = 0; !trouble_; ++looked) {
      const auto object = walk->next();
      if (!object) return give_up(object.error());
      if (!*object) break;
      if (looked >= most)
        return give_up({ErrorCode::kConflict, fmt::format("'{}' has more than {} files", path, most)});
      if (takes && !takes((*object)->name)) continue;
      const std::string file = root + (*object)->path();
      std::optional<ContentEntry> entry = stamp_of_file(file);
      if (!entry) continue;
      entry->path = (*object)->path();
      add(std::move(*entry), file);
    }
  }
  if (trouble_) return;
  if (const Status ended = writer_->end(); !ended) give_up(ended.error());
}

void ContentsRecorder::note(const std::string& name, const std::string& note) {
  if (trouble_) return;
  if (const Status begun = writer_->begin(name, note); !begun) return give_up(begun.error());
  if (const Status ended = writer_->end(); !ended) give_up(ended.error());
}

Status ContentsRecorder::finish() {
  if (!trouble_ && in_part_) give_up({ErrorCode::kIo, "an input was not listed to its end"});
  if (!trouble_) {
    const auto finished = writer_->finish();
    if (!finished) give_up(finished.error());
    // There is nothing to take a digest of, and none to look at again.
    if (finished && !few_ && !any_digest_ && !untold_) settled_ = hex_of(*finished);
  }
  if (!trouble_) {
    if (const Status placed = put_in_place(path_); !placed) give_up(placed.error());
  }
  if (!trouble_) return untold_ ? Status(*untold_) : Status();
  std::error_code ignored;
  std::filesystem::remove(aside(path_), ignored);
  return *trouble_;
}

namespace {

using RootOf = std::function<std::string(const std::string&)>;

bool is_as_listed(const std::string& file, const ContentEntry& entry) {
  const auto now = stamp_of_file(file);
  return now && now->size == entry.size && now->stamp == entry.stamp;
}

Error changed(const std::string& file) {
  return {ErrorCode::kConflict, fmt::format("'{}' has changed since it was listed", presentable(file))};
}

Error nobody_can_tell(const std::string& path) {
  return {ErrorCode::kConflict,
          fmt::format("nobody can tell whether '{}' has changed since it was listed", presentable(path))};
}

// Calls `part` before the entries of each part, and `entry` with the path of each file, empty in a store.
// Gives the SHA-256 of the whole, 32 bytes.
Result<std::string> for_each(const std::string& path, const RootOf& root_of,
                             const std::function<Status(const ContentPart&)>& begin,
                             const std::function<Status(ContentEntry&, const std::string&)>& visit,
                             const std::function<Status()>& end) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsReader> reader, ContentsReader::open(path));
  for (ContentPart part;;) {
    ASSIGN_OR_RETURN(const bool more, reader->next_part(part));
    if (!more) return reader->sha256();
    RETURN_IF_ERROR(begin(part));
    const std::string root = root_of(part.name);
    for (ContentEntry entry;;) {
      ASSIGN_OR_RETURN(const bool another, reader->next(entry));
      if (!another) break;
      RETURN_IF_ERROR(visit(entry, root.empty() ? root : root + entry.path));
    }
    RETURN_IF_ERROR(end());
  }
}

}  // namespace

Result<std::string> settle_contents(const std::string& path, const RootOf& root_of) {
  DigestAllowance left;
  bool few = true;
  const auto nothing = [] { return Status(); };
  ASSIGN_OR_RETURN(const std::string found, for_each(
                                                path, root_of, [&](const ContentPart&) { return nothing(); },
                                                [&](ContentEntry& entry, const std::string& file) -> Status {
                                                  if (entry.trust == ContentEntry::Trust::kNone)
                                                    return nobody_can_tell(entry.path);
                                                  few = few && left.take(entry.size);
                                                  if (entry.sha256.empty() || file.empty()) return {};
                                                  return is_as_listed(file, entry) ? Status() : changed(file);
                                                },
                                                nothing));
  if (!few) return hex_of(found);
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentsWriter> writer, ContentsWriter::create(aside(path)));
  const auto settle = [&](ContentEntry& entry, const std::string& file) -> Status {
    if (entry.sha256.empty() && !file.empty()) {
      if (!is_as_listed(file, entry)) return changed(file);
      ASSIGN_OR_RETURN(entry.sha256, digest_of_content(file));
      if (!is_as_listed(file, entry)) return changed(file);
    }
    return writer->add(entry);
  };
  const auto copied = for_each(
      path, root_of, [&](const ContentPart& part) { return writer->begin(part.name, part.note); }, settle,
      [&] { return writer->end(); });
  if (!copied) return copied.error();
  ASSIGN_OR_RETURN(const std::string digest, writer->finish());
  RETURN_IF_ERROR(put_in_place(path));
  return hex_of(digest);
}

}  // namespace parallelrun
