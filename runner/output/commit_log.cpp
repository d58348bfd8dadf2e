#include "runner/output/commit_log.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "common/result/try.h"
#include "runner/output/begin_anew.h"
#include "runner/output/log_steps.h"
#include "runner/wire/wire.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr int kMostRaces = 100;  // for one number after the other; more are somebody's mistake

std::string log_name(std::uint64_t number) { return fmt::format("{}{:020}", kLogFolder, number); }

// 0: it is no object of a log.
std::uint64_t number_in_name(const std::string& name) {
  const std::string digits = name.substr(std::min(name.size(), std::string_view(kLogFolder).size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole && name == log_name(number) ? number : 0;
}

std::string claim_payload(std::string_view claim) {
  std::string out;
  wire::Writer(out).bytes(claim);
  return out;
}

std::string base_payload(std::string_view claim, const std::vector<std::string>& segments) {
  std::string out = claim_payload(claim);
  wire::Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(segments.size()));
  for (const std::string& segment : segments) writer.bytes(segment);
  return out;
}

// What a listing of the log comes to.
struct FoundLog {
  std::vector<std::uint64_t> numbers;  // ascending
  std::uint64_t last() const { return numbers.empty() ? 0 : numbers.back(); }
};

Result<FoundLog> find_log(LogStore& store) {
  ASSIGN_OR_RETURN(const std::vector<LogObject> objects, store.list(kLogFolder));
  FoundLog found;
  for (const LogObject& object : objects) {
    if (const std::uint64_t number = number_in_name(object.name); number != 0)
      found.numbers.push_back(number);
  }
  std::sort(found.numbers.begin(), found.numbers.end());
  return found;
}

Error is_missing(std::uint64_t number) {
  return {ErrorCode::kCorrupt, fmt::format("the object {} is missing, so the job cannot be gone on with; "
                                           "restore it, or {}",
                                           log_name(number), kBeginAnew)};
}

Error claimed_all_the_time() {
  return {ErrorCode::kAborted,
          "others take the same output over all the time; see that only one runs the job", false};
}

std::vector<LogObject> objects_named(const std::vector<std::string>& names) {
  std::vector<LogObject> objects;
  for (const std::string& name : names) objects.push_back({name, 0, {}});
  return objects;
}

// What is in the store after the last base, and the base.
struct ReadLog {
  std::string claim;
  std::vector<std::string> segments;
  std::vector<ReadLogObject> tail;
  std::uint64_t first = 1;
  std::vector<std::uint64_t> removable;
};

Status take_object(ReadLog& log, ReadLogObject&& object) {
  if (object.kind != LogKind::kClaim) log.removable.push_back(object.number);
  wire::Reader in(object.payload);
  if (object.kind == LogKind::kClaim) {
    log.claim = in.string();
  } else if (object.kind == LogKind::kBase) {
    log.claim = in.string();
    log.segments.clear();
    log.tail.clear();
    log.first = object.number;
    in.repeated(4, [&] {
      log.segments.push_back(in.string());
      return in.ok();
    });
  }
  if (!in.ok()) {
    return Error{ErrorCode::kCorrupt, fmt::format("the object {} is damaged; restore it, or {}",
                                                  log_name(object.number), kBeginAnew)};
  }
  log.tail.push_back(std::move(object));
  return {};
}

}  // namespace

Result<bool> CommitLog::exists(LogStore& store) {
  ASSIGN_OR_RETURN(const FoundLog found, find_log(store));
  return !found.numbers.empty();
}

Result<std::unique_ptr<CommitLog>> CommitLog::open(LogStore& store, Storage& local,
                                                   std::function<Status()> clear, Options options) {
  std::unique_ptr<CommitLog> log(new CommitLog(store, local, std::move(options)));
  log->clear_ = std::move(clear);
  RETURN_IF_ERROR(log->read_anew());
  return log;
}

// A predecessor that is at work may put its log together, and so remove what was listed, while it is read.
Status CommitLog::read_anew() {
  ASSIGN_OR_RETURN(FoundLog found, find_log(store_));
  for (int race = 0;; ++race) {
    removable_.clear();
    segments_.clear();
    tail_.clear();
    names_published_ = false;
    RETURN_IF_ERROR(clear_());
    Status replayed = replay();
    if (replayed || replayed.error().code != ErrorCode::kCorrupt || race == kMostRaces) return replayed;
    ASSIGN_OR_RETURN(FoundLog now, find_log(store_));
    if (now.numbers == found.numbers) return replayed;
    found = std::move(now);
  }
}

StepReplay CommitLog::steps_again() {
  return StepReplay(local_, [this](const LogObject& object, File& file) -> Status {
    names_published_ = true;
    Status fetched =
        store_.read({object}, [&](std::size_t, std::string&& bytes) { return file.append(bytes); });
    if (fetched || fetched.error().code != ErrorCode::kCorrupt) return fetched;
    return Error{ErrorCode::kCorrupt, fmt::format("{} has changed since it was put there; restore it, or {}",
                                                  object.name, kBeginAnew)};
  });
}

Status CommitLog::replay() {
  ASSIGN_OR_RETURN(const FoundLog found, find_log(store_));
  std::vector<std::string> names;
  for (const std::uint64_t number : found.numbers) names.push_back(log_name(number));
  ReadLog read;
  std::map<std::uint64_t, Error> damaged;
  RETURN_IF_ERROR(store_.read(objects_named(names), [&](std::size_t index, std::string&& bytes) -> Status {
    const std::uint64_t number = found.numbers[index];
    Result<ReadLogObject> object = read_log_object(names[index], bytes);
    if (!object) {
      damaged.emplace(number, object.error());
      return {};
    }
    return object->number == number ? take_object(read, std::move(*object)) : Status(is_missing(number));
  }));
  // What came before the base was given up, and is there only because it could not be read then either.
  if (const auto needed = damaged.lower_bound(read.first); needed != damaged.end()) return needed->second;
  std::uint64_t expected = read.first;
  for (const ReadLogObject& object : read.tail) {
    if (object.number != expected++) return is_missing(expected - 1);
  }

  StepReplay steps = steps_again();
  RETURN_IF_ERROR(
      store_.read(objects_named(read.segments), [&](std::size_t index, std::string&& bytes) -> Status {
        ASSIGN_OR_RETURN(const ReadLogObject segment, read_log_object(read.segments[index], bytes));
        return steps.apply(read.segments[index], segment.payload);
      }));
  for (const ReadLogObject& object : read.tail) {
    if (object.kind != LogKind::kSteps) continue;
    RETURN_IF_ERROR(steps.apply(log_name(object.number), object.payload));
    tail_ += object.payload;
  }
  number_ = found.last();
  removable_ = std::move(read.removable);
  base_ = read.first - 1;
  segments_ = std::move(read.segments);
  predecessor_ = std::move(read.claim);
  return {};
}

// The predecessor may be at work as long as the next number is not made. Once it has put its log together,
// the numbers that we ask for are free, or gone when we read them: then all is read anew.
Status CommitLog::claim() {
  const std::lock_guard shipping(shipping_);
  auto steps = std::make_unique<StepReplay>(steps_again());
  for (int race = 0; race < kMostRaces; ++race) {
    const std::uint64_t next = number_ + 1;
    ASSIGN_OR_RETURN(const bool made,
                     store_.create(log_name(next), log_object(LogKind::kClaim, next, options_.token,
                                                              claim_payload(options_.claim))));
    ReadLog more;
    Status read;
    if (made) {
      ASSIGN_OR_RETURN(const FoundLog now, find_log(store_));
      number_ = next;
      if (now.last() == next) return remove_unnamed_segments();
      read = is_missing(next);  // it came before a base, and counts for nothing
    } else {
      read = store_.read(objects_named(std::vector<std::string>{log_name(next)}),
                         [&](std::size_t, std::string&& bytes) -> Status {
                           ASSIGN_OR_RETURN(ReadLogObject object, read_log_object(log_name(next), bytes));
                           return take_object(more, std::move(object));
                         });
    }
    if (!read) {
      if (read.error().code != ErrorCode::kCorrupt) return read;
      steps.reset();  // whose files are cleared away
      RETURN_IF_ERROR(read_anew());
      steps = std::make_unique<StepReplay>(steps_again());
      continue;
    }
    number_ = next;
    const ReadLogObject& object = more.tail.front();
    removable_.insert(removable_.end(), more.removable.begin(), more.removable.end());
    if (object.kind == LogKind::kBase) {
      segments_ = std::move(more.segments);
      base_ = next;
      tail_.clear();
    } else if (object.kind == LogKind::kSteps) {
      RETURN_IF_ERROR(steps->apply(log_name(next), object.payload));
      tail_ += object.payload;
    }
    if (object.kind != LogKind::kSteps) predecessor_ = std::move(more.claim);
  }
  return claimed_all_the_time();
}

// A process that ended between a segment and the base that names it has left one.
Status CommitLog::remove_unnamed_segments() {
  ASSIGN_OR_RETURN(const std::vector<LogObject> there, store_.list(kSegmentFolder));
  std::vector<std::string> unnamed;
  for (const LogObject& object : there) {
    if (std::find(segments_.begin(), segments_.end(), object.name) == segments_.end())
      unnamed.push_back(object.name);
  }
  return unnamed.empty() ? Status() : store_.remove(unnamed);
}

Result<std::unique_ptr<CommitLog>> CommitLog::begin_anew(LogStore& store, Storage& local, Options options) {
  std::unique_ptr<CommitLog> log(new CommitLog(store, local, std::move(options)));
  for (int race = 0; race < kMostRaces; ++race) {
    ASSIGN_OR_RETURN(const FoundLog found, find_log(store));
    log->number_ = found.last() + 1;
    ASSIGN_OR_RETURN(
        const bool made,
        store.create(log_name(log->number_), log_object(LogKind::kClaim, log->number_, log->options_.token,
                                                        claim_payload(log->options_.claim))));
    if (!made) continue;
    ASSIGN_OR_RETURN(const FoundLog now, find_log(store));
    if (now.last() != log->number_) continue;
    // What is not a claim by its name cannot be told from one without reading it: it may be damaged. It
    // stays.
    RETURN_IF_ERROR(log->make_base({}));
    RETURN_IF_ERROR(log->remove_unnamed_segments());
    return log;
  }
  return claimed_all_the_time();
}

Status CommitLog::append(const std::string& path, std::uint64_t offset, std::string_view bytes) {
  constexpr std::size_t kMost = std::size_t{1} << 30U;
  for (std::size_t begin = 0; begin < bytes.size(); begin += kMost)
    RETURN_IF_ERROR(take(append_step(path, offset + begin, bytes.substr(begin, kMost))));
  return {};
}
Status CommitLog::truncate(const std::string& path, std::uint64_t size) {
  return take(truncate_step(path, size));
}
Status CommitLog::rename(const std::string& path, const std::string& to) {
  return take(rename_step(path, to));
}
Status CommitLog::remove(const std::string& path) { return take(remove_step(path)); }
Status CommitLog::remove_tree(const std::string& path) { return take(remove_tree_step(path)); }
Status CommitLog::copy(const std::string& path, std::uint64_t length, const std::string& to) {
  return take(copy_step(path, length, to));
}

Status CommitLog::take(const std::string& step) {
  bool full = false;
  {
    const std::lock_guard adding(adding_);
    pending_ += step;
    full = pending_.size() >= options_.most_pending;
  }
  return full ? ship() : Status();
}

Status CommitLog::still_ours() const {
  const std::lock_guard failing(failing_);
  const bool passed_by =
      failure_ && (failure_->code == ErrorCode::kAborted || failure_->code == ErrorCode::kConflict);
  return passed_by ? Status(*failure_) : Status();
}

Status CommitLog::fail(const Error& error) {
  const std::lock_guard failing(failing_);
  if (!failure_) failure_ = error;
  return *failure_;
}

Status CommitLog::ship() {
  const std::lock_guard shipping(shipping_);
  {
    const std::lock_guard failing(failing_);
    if (failure_) return *failure_;
  }
  std::string steps;
  {
    const std::lock_guard adding(adding_);
    steps.swap(pending_);
  }
  if (steps.empty()) return {};
  RETURN_IF_ERROR(make_next(log_object(LogKind::kSteps, number_ + 1, options_.token, steps)));
  removable_.push_back(number_);
  tail_ += steps;
  const bool long_enough =
      number_ - base_ >= options_.objects_to_segment || tail_.size() >= options_.bytes_to_segment;
  return long_enough ? to_segment() : Status();
}

Status CommitLog::make_next(std::string_view object) {
  const Result<bool> made = store_.create(log_name(number_ + 1), object);
  if (!made) return fail(made.error());
  if (!*made) return fail(passed_by());
  ++number_;
  return {};
}

Error CommitLog::passed_by() {
  ReadLog theirs;
  if (options_.passed_by) {
    const std::string name = log_name(number_ + 1);
    // Where it cannot be read, it is taken for a successor, as nearly all are.
    (void)store_.read(objects_named({name}), [&](std::size_t, std::string&& bytes) -> Status {
      ASSIGN_OR_RETURN(ReadLogObject object, read_log_object(name, bytes));
      return take_object(theirs, std::move(object));
    });
    if (auto told = options_.passed_by(theirs.claim)) return *std::move(told);
  }
  return {ErrorCode::kAborted, "another orchestrator has taken the output over; it goes on with the job",
          false};
}

std::string CommitLog::segment_name() const {
  return fmt::format("{}{:020}-{}-{}", kSegmentFolder, number_, options_.token, segments_made_);
}

Status CommitLog::to_segment() {
  const std::string name = segment_name();
  ++segments_made_;
  if (const Status put = store_.put(name, log_object(LogKind::kSteps, 0, options_.token, tail_)); !put)
    return fail(put.error());
  std::vector<std::string> segments = segments_;
  segments.push_back(name);
  return make_base(std::move(segments));
}

Status CommitLog::make_base(std::vector<std::string> segments) {
  const std::uint64_t base = number_ + 1;
  RETURN_IF_ERROR(
      make_next(log_object(LogKind::kBase, base, options_.token, base_payload(options_.claim, segments))));
  std::vector<std::string> gone;
  for (const std::uint64_t number : removable_) gone.push_back(log_name(number));
  for (const std::string& segment : segments_) {
    if (std::find(segments.begin(), segments.end(), segment) == segments.end()) gone.push_back(segment);
  }
  segments_ = std::move(segments);
  base_ = base;
  tail_.clear();
  // What cannot be removed now is found and removed by the next one.
  if (store_.remove(gone)) removable_.clear();
  removable_.push_back(base);
  return {};
}

Status CommitLog::rewrite(const std::vector<std::string>& files,
                          const std::map<std::string, LogObject>& published) {
  RETURN_IF_ERROR(ship());
  const std::lock_guard shipping(shipping_);
  std::vector<std::string> segments;
  std::string steps;
  const auto flush = [&](std::size_t from) -> Status {
    if (steps.size() <= from) return {};
    const std::string name = segment_name();
    ++segments_made_;
    if (const Status put = store_.put(name, log_object(LogKind::kSteps, 0, options_.token, steps)); !put)
      return fail(put.error());
    segments.push_back(name);
    steps.clear();
    return {};
  };
  for (const std::string& path : files) {
    if (const auto found = published.find(path); found != published.end()) {
      steps += fetch_step(path, found->second);
      continue;
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file, local_.open(path));
    steps += truncate_step(path, 0);  // an empty file is there, too
    std::string bytes;
    for (std::uint64_t offset = 0;; offset += bytes.size()) {
      bytes.resize(1U << 20U);
      ASSIGN_OR_RETURN(const std::size_t got, file->read(offset, bytes.data(), bytes.size()));
      if (got == 0) break;
      bytes.resize(got);
      steps += append_step(path, offset, bytes);
      RETURN_IF_ERROR(flush(options_.bytes_of_segment));
    }
  }
  RETURN_IF_ERROR(flush(0));
  RETURN_IF_ERROR(make_base(std::move(segments)));
  names_published_ = !published.empty();
  return {};
}

Status CommitLog::prove() {
  RETURN_IF_ERROR(ship());
  const std::lock_guard shipping(shipping_);
  RETURN_IF_ERROR(make_next(log_object(LogKind::kSteps, number_ + 1, options_.token, "")));
  removable_.push_back(number_);
  return {};
}

void CommitLog::release() {
  if (!ship()) return;
  const std::lock_guard shipping(shipping_);
  [[maybe_unused]] const Status said =
      make_next(log_object(LogKind::kClaim, number_ + 1, options_.token, claim_payload("")));
}

}  // namespace parallelrun
