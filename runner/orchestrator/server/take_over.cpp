// What of the other output directory is good for this job.
#include "runner/orchestrator/server/take_over.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "common/json/members.h"
#include "common/result/try.h"
#include "common/text/counted.h"
#include "common/text/first_of.h"
#include "common/text/presentable.h"
#include "runner/input/file_walk.h"
#include "runner/job/contents.h"
#include "runner/job/reuse_settings.h"
#include "runner/job/submission.h"
#include "runner/orchestrator/server/old_plan.h"
#include "runner/output/disk_storage.h"
#include "runner/output/failed_items.h"
#include "runner/output/journal.h"
#include "runner/output/read_only_file.h"
#include "runner/output/staged_rows.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kNewContents = ".parallelrun/contents.now";
constexpr std::size_t kNamed = 3;
constexpr std::size_t kMostDifferences = 10;

// The output as the job that wrote the settings had it.
bool staged_then(const json& settings) {
  const json& output = object_at(settings, "output");
  return text_at(output, "order") == "input" || text_at(output, "format") == "parquet";
}

std::string what_words(ContentVisit::What what, std::uint64_t n) {
  switch (what) {
    case ContentVisit::What::kNew:
      return counted(n, "object") + (n == 1 ? " is new" : " are new");
    case ContentVisit::What::kGone:
      return counted(n, "object") + (n == 1 ? " is gone" : " are gone");
    case ContentVisit::What::kUntold:
      return counted(n, "object") +
             (n == 1 ? " may have changed (its times have)" : " may have changed (their times have)");
    default:
      return counted(n, "object") + (n == 1 ? " has changed" : " have changed");
  }
}

}  // namespace

json to_json(const TakenOver& taken) {
  return {{"from", taken.from}, {"miniBatches", taken.mini_batches}, {"items", taken.items},
          {"left", taken.left}, {"leftItems", taken.left_items},     {"again", taken.again}};
}

std::string in_words(const TakenOver& taken) {
  const std::string why = taken.again.empty() ? "" : fmt::format(": {}", fmt::join(taken.again, "; "));
  if (taken.mini_batches == 0)
    return fmt::format("nothing is taken over from '{}', and the whole job runs{}", presentable(taken.from),
                       why);
  return fmt::format("taken over from '{}': the results of {} in {}; {} to be done{}",
                     presentable(taken.from), counted(taken.items, "item"),
                     counted(taken.mini_batches, "mini-batch"),
                     taken.left == 0   ? "no mini-batch is"
                     : taken.left == 1 ? "1 mini-batch is"
                                       : fmt::format("{} are", counted(taken.left, "mini-batch")),
                     why);
}

ObjectSet::Digest ObjectSet::digest_of(std::string_view path) {
  Digest digest{};
  std::memcpy(digest.data(), sha256_raw(path).data(), sizeof(digest));
  return digest;
}

void ObjectSet::add(std::string_view path) { digests_.push_back(digest_of(path)); }

void ObjectSet::seal() {
  std::sort(digests_.begin(), digests_.end());
  digests_.erase(std::unique(digests_.begin(), digests_.end()), digests_.end());
}

bool ObjectSet::contains(std::string_view path) const {
  return !digests_.empty() && std::binary_search(digests_.begin(), digests_.end(), digest_of(path));
}

TakeOver::TakeOver(const ResolvedJob& job, const Reuse& reuse, const std::string& from,
                   const std::string& shown, std::string output)
    : job_(job),
      reuse_(reuse),
      from_(fs::absolute(from).lexically_normal().string()),
      output_(std::move(output)),
      matching_(!job.spec.partition_keys.empty() || job.spec.output.order == OutputOrder::kInput),
      inputs_(job.spec.inputs.size()) {
  while (from_.size() > 1 && from_.back() == '/') from_.pop_back();
  shown_ = shown.empty() ? from_ : shown;
  report_.from = shown_;
  for (const Input& input : job.spec.inputs) formats_.push_back(open_format(input, job.spec.partition_keys));
}

TakeOver::~TakeOver() {
  std::error_code ignored;
  fs::remove(at(kNewContents), ignored);
}

bool TakeOver::nothing(std::string why) {
  report_.again.push_back(std::move(why));
  return false;
}

void TakeOver::give_up(const std::string& why) {
  report_ = {};
  report_.from = shown_;
  report_.again.push_back(why);
}

Status TakeOver::read_job() {
  const auto read = [this](const char* path) {
    std::ifstream file(from_ + "/" + path, std::ios::binary);
    return json::parse(std::string(std::istreambuf_iterator<char>(file), {}), nullptr, false);
  };
  std::error_code error;
  if (!fs::exists(from_ + "/.parallelrun/job.json", error)) {
    return Error{
        ErrorCode::kNotFound,
        fmt::format("'{}' is no output directory of a job: it has no .parallelrun/job.json; name the "
                    "directory that holds the results",
                    presentable(shown_))};
  }
  if (fs::equivalent(from_, output_, error)) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' is the output directory of this job too; give --output a new one, or start "
                    "the same job again to go on there",
                    presentable(shown_))};
  }
  old_job_ = read(".parallelrun/job.json");
  old_submission_ = read(kSubmissionPath);
  if (!old_job_.is_object() || text_at(old_job_, "fingerprint").empty())
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}/.parallelrun/job.json' is damaged, so nobody knows what was run there",
                             presentable(shown_))};
  return {};
}

// As long as we read there, nobody may begin to write.
Status TakeOver::lock() {
  const std::string path = from_ + "/" + kLockPath;
  lock_ = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!lock_ && errno == ENOENT) return {};
  if (!lock_)
    return Error{ErrorCode::kIo, fmt::format("'{}' cannot be read: {}", path, std::strerror(errno))};
  if (::flock(lock_.get(), LOCK_SH | LOCK_NB) == 0) return {};
  return Error{ErrorCode::kConflict,
               fmt::format("a job is at work in '{}'; wait for its end, or stop it, and resubmit it then",
                           presentable(shown_))};
}

std::optional<std::string> TakeOver::differing_settings_in_words() const {
  const std::vector<std::string> differences = differing_reuse_settings(
      settings_of_items(object_at(old_submission_, "settings")), settings_of_items(reuse_.settings()));
  if (differences.empty()) return std::nullopt;
  return first_of(differences, kMostDifferences, Joined::kClauses);
}

// The path of the other output directory below the directory of an input, with a '/' at its end; empty: it
// does not lie there. In a pod one volume is mounted at several paths, so it is what stands there that
// counts.
std::string TakeOver::below_input(const std::string& root) const {
  const auto there = identity_of(from_);
  if (!there) return {};
  std::error_code error;
  const fs::path real = fs::weakly_canonical(from_, error);
  fs::path below;
  for (fs::path above = error ? fs::path(from_) : real; above.has_relative_path();
       above = above.parent_path()) {
    below = below.empty() ? above.filename() : above.filename() / below;
    if (identity_of(root + below.string()) == there) return below.string() + "/";
  }
  return {};
}

// What scripts read beside their items; and of each object of the inputs whether it is as it was.
Result<std::optional<std::string>> TakeOver::compare_surroundings() {
  std::error_code error;
  const Status recorded = reuse_.record_now(at(kNewContents));
  // Of a single object nobody can tell: that one is not the same.
  if (!recorded && !(recorded.error().code == ErrorCode::kConflict && fs::exists(at(kNewContents), error)))
    return std::optional("the inputs cannot be compared: " + recorded.error().message);
  std::optional<std::string> other;
  std::map<std::string, std::size_t> by_part;
  std::vector<std::string> own_files(inputs_.size());  // where the other output directory lies in an input
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = job_.spec.inputs[i];
    by_part[Reuse::input_part(input.name)] = i;
    if (input.source.store.is_object()) continue;
    own_files[i] = below_input(root_of_input(static_cast<std::uint32_t>(i)));
  }
  std::optional<Error> inside;
  ContentVisit visit;
  visit.same = [&](const std::string& part, const std::string& path) {
    const auto input = by_part.find(part);
    if (input != by_part.end()) inputs_[input->second].same.add(path);
  };
  visit.differs = [&](const std::string& part, ContentVisit::What what, const std::string& path,
                      const std::string& words) {
    if (part == Reuse::kSettingsPart) return;  // compared one by one
    const auto found = by_part.find(part);
    if (found == by_part.end() || what == ContentVisit::What::kPart) {
      if (!other) other = fmt::format("{}: {}", part, words);
      return;
    }
    OldInput& input = inputs_[found->second];
    const std::string& own = own_files[found->second];
    if (what == ContentVisit::What::kNew && !own.empty() && path.starts_with(own) && !inside) {
      inside =
          Error{ErrorCode::kInvalidArgument,
                fmt::format("'{}' lies in the directory of input '{}', so its files would be items now, "
                            "such as '{}'; move it to another place, or narrow the input's glob",
                            presentable(shown_), job_.spec.inputs[found->second].name, presentable(path))};
    }
    input.changed = true;
    ++input.counts[static_cast<int>(what)];
    if (input.first.size() < kNamed) input.first.push_back(words);
  };
  RETURN_IF_ERROR(visit_contents(
      from_ + "/" + kContentsPath, at(kNewContents),
      [this](const std::string& part) { return reuse_.root_of(part); }, visit));
  if (inside) return *inside;
  for (OldInput& input : inputs_) input.same.seal();
  return other;
}

Result<bool> TakeOver::look() {
  RETURN_IF_ERROR(read_job());
  RETURN_IF_ERROR(lock());
  if (!job_.spec.allow_reuse) return nothing("allowReuse is false");
  if (!reuse_.never().empty()) return nothing(reuse_.never());
  if (const std::string name = Reuse::foreign_file(from_, text_at(old_job_, "outputFile")); !name.empty()) {
    return nothing(fmt::format(
        "'{}' is none of the runner's files, and nobody knows to which items it belongs", presentable(name)));
  }
  if (!object_at(old_submission_, "settings").is_object() || object_at(old_submission_, "settings").empty())
    return nothing("an earlier version ran that job, or one that keeps no record of it");
  if (const auto differences = differing_settings_in_words()) return nothing(*differences);
  std::error_code error;
  if (!fs::exists(from_ + "/" + kContentsPath, error)) {
    return nothing(
        "it is not known what its inputs held: the job was stopped while they were listed, went on with "
        "other code or packages than it began with, or a worker fetched other objects of a side input in a "
        "store than were listed");
  }
  const auto other = compare_surroundings();
  if (!other && other.error().code == ErrorCode::kCorrupt) return nothing(other.error().message);
  if (!other) return other.error();
  if (*other) return nothing(**other);
  RETURN_IF_ERROR(read_work());
  if (!work_) return false;
  RETURN_IF_ERROR(decide());
  explain();
  return report_.mini_batches > 0;
}

Status TakeOver::read_work() {
  auto journal = open_read_only(from_ + "/" + kJournalPath);
  if (!journal && journal.error().code == ErrorCode::kNotFound) {
    nothing("nothing was committed there");
    return {};
  }
  if (!journal) return journal.error();
  const json& settings = object_at(old_submission_, "settings");
  CommittedWork::Options options;
  options.fingerprint = text_at(old_job_, "fingerprint");
  options.staged = staged_then(settings);
  const std::string format = text_at(object_at(settings, "output"), "format");
  const std::string output = from_ + "/" + text_at(old_job_, "outputFile");
  auto rows = open_read_only(options.staged ? from_ + "/" + kStagedRowsPath : output);
  if (!rows && rows.error().code == ErrorCode::kNotFound && options.staged) {
    // The job is complete, and its output file has been made of what was staged.
    if (format == "parquet") {
      nothing(
          "its rows were put together into one Parquet file at its end, in which those of single "
          "mini-batches "
          "cannot be told apart");
      return {};
    }
    options.staged = false;
    options.sealed = true;
    rows = open_read_only(output);
  }
  if (!rows && rows.error().code != ErrorCode::kNotFound) return rows.error();
  options.header = !options.staged && format == "csv";
  auto work = CommittedWork::read(**journal, rows ? std::move(*rows) : nullptr, options);
  if (work) {
    work_.emplace(std::move(*work));
    return {};
  }
  const ErrorCode code = work.error().code;
  if (code == ErrorCode::kIo) return work.error();
  nothing(work.error().message);
  return {};
}

Result<bool> TakeOver::is_same(const MiniBatch& mini_batch) const {
  const OldInput& input = inputs_.at(mini_batch.input);
  const auto objects = formats_.at(mini_batch.input)->objects_of(mini_batch.descriptor);
  if (!objects) return objects.error();
  if (!objects->has_value()) return !input.changed;
  for (const std::string& path : objects->value()) {
    if (!input.same.contains(path)) return false;
  }
  return true;
}

void TakeOver::count(Why why, std::uint64_t items) {
  Count& count = again_[why];
  ++count.mini_batches;
  count.items += items;
}

// `good`: its objects are what they were. `items`: that are taken over.
TakeOver::Fate TakeOver::fate_of(const MiniBatch& mini_batch, bool good, std::uint64_t& items) {
  items = 0;
  std::uint64_t failed = 0;
  bool split = false;
  bool shortfall = false;
  bool damaged = false;
  Fate fate = Fate::kOpen;
  for (const CommittedWork::Done& done : work_->of(mini_batch.id)) {
    const CommitEntry& entry = done.entry;
    split = split || entry.kind == CommitEntry::Kind::kSplit;
    if (entry.kind == CommitEntry::Kind::kFailed) failed += entry.items;
    if (entry.kind != CommitEntry::Kind::kSucceeded) continue;
    const bool taken = is_taken(done);
    if (entry.items_failed > 0) shortfall = true;
    if (entry.items_failed == 0 && !taken) damaged = true;
    if (!taken) continue;
    items += entry.items;
    fate = entry.work.part == 0 ? Fate::kDone : Fate::kPartly;
  }
  if (fate != Fate::kOpen && !good) {
    count(Why::kChanged, items);
    items = 0;
    return Fate::kOpen;
  }
  if (failed > 0) count(Why::kFailed, failed);
  if (shortfall) count(Why::kShort, mini_batch.items);
  if (damaged) count(Why::kDamaged, mini_batch.items);
  if (fate == Fate::kOpen && failed == 0 && !shortfall && !damaged) count(Why::kNotDone, mini_batch.items);
  return fate;
}

// A success whose rows are there and whole. Each element that was returned is a row, so one with items and
// without rows is none of ours.
bool TakeOver::is_taken(const CommittedWork::Done& done) {
  return done.entry.kind == CommitEntry::Kind::kSucceeded && done.entry.items_failed == 0 && done.whole &&
         (done.entry.items == 0 || done.length > 0);
}

std::string TakeOver::key_of(const MiniBatch& mini_batch) const {
  return sha256_hex(std::to_string(mini_batch.input) + ":" +
                    formats_.at(mini_batch.input)->same_items(mini_batch.descriptor));
}

// Of each earlier mini-batch.
Status TakeOver::decide() {
  OldPlan plan(from_, output_);
  RETURN_IF_ERROR(plan.open());
  while (true) {
    ASSIGN_OR_RETURN(const auto mini_batch, plan.next());
    if (!mini_batch) break;
    if (mini_batch->input >= inputs_.size())
      return Error{ErrorCode::kCorrupt, "the plan there names an input that the job does not have"};
    ASSIGN_OR_RETURN(const bool good, is_same(*mini_batch));
    std::uint64_t items = 0;
    const Fate fate = fate_of(*mini_batch, good, items);
    fates_.push_back(fate);
    if (fate == Fate::kOpen) continue;
    ++report_.mini_batches;
    report_.items += items;
    if (matching_) {
      takeable_.emplace(key_of(*mini_batch), Takeable{mini_batch->id.value, items, fate == Fate::kDone});
      continue;
    }
    OldInput& input = inputs_.at(mini_batch->input);
    const auto objects = formats_.at(mini_batch->input)->objects_of(mini_batch->descriptor);
    if (!objects) return objects.error();
    for (const std::string& path : objects->value()) input.taken.add(path);
  }
  for (OldInput& input : inputs_) input.taken.seal();
  return {};
}

// What runs, and why.
void TakeOver::explain() {
  report_.again.clear();
  const auto tell = [this](Why why, const char* one, const char* more) {
    const auto found = again_.find(why);
    if (found == again_.end()) return;
    const Count& count = found->second;
    std::string words = counted(count.mini_batches, "mini-batch");
    if (count.items > 0) words += " with " + counted(count.items, "item");
    report_.again.push_back(words + " " + (count.mini_batches == 1 ? one : more));
  };
  tell(Why::kFailed, "failed", "failed");
  tell(Why::kShort, "returned fewer elements than items, so that nobody knows which items its rows are of",
       "returned fewer elements than items, so that nobody knows which items their rows are of");
  tell(Why::kNotDone, "was not done", "were not done");
  tell(Why::kDamaged, "has rows that are not as they were committed",
       "have rows that are not as they were committed");
  tell(Why::kChanged, "has a changed object", "have changed objects");
  tell(Why::kCutOtherwise, "is cut otherwise now, and stands for a group or a place in the order",
       "are cut otherwise now, and stand for groups or places in the order");
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const OldInput& input = inputs_[i];
    if (!input.changed) continue;
    std::vector<std::string> kinds;
    for (const auto& [what, n] : input.counts)
      kinds.push_back(what_words(static_cast<ContentVisit::What>(what), n));
    report_.again.push_back(fmt::format("input {}: {}: {}{}", job_.spec.inputs[i].name,
                                        fmt::join(kinds, ", "), fmt::join(input.first, ", "),
                                        input.first.size() < kNamed ? "" : ", ..."));
  }
}

std::string TakeOver::root_of_input(std::uint32_t input) const {
  const auto directory = job_.input_directories.find(job_.spec.inputs.at(input).name);
  return directory == job_.input_directories.end() ? "" : FileWalk::root_of(directory->second);
}

}  // namespace parallelrun::orchestrator
