// The plan of a job that takes results over, and their commit.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/json/members.h"
#include "common/result/try.h"
#include "runner/job/contents.h"
#include "runner/job/submission.h"
#include "runner/orchestrator/server/take_over.h"
#include "runner/output/state_files.h"
#include "runner/plan/posix_plan_storage.h"
#include "runner/store/data_connection.h"

namespace parallelrun::orchestrator {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBytesAtOnce = std::size_t{4} << 20U;  // of rows in one group of commits
constexpr std::size_t kEntriesAtOnce = 4096;

}  // namespace

// The objects of a listing that are in no mini-batch that is taken over.
class TakeOver::Remaining final : public Listing {
 public:
  Remaining(std::unique_ptr<Listing> all, const ObjectSet& taken) : all_(std::move(all)), taken_(taken) {}

  Result<std::optional<ListedObject>> next() override {
    while (true) {
      auto object = all_->next();
      if (!object || !*object || taken_.empty() || !taken_.contains((*object)->path())) return object;
    }
  }

 private:
  const std::unique_ptr<Listing> all_;
  const ObjectSet& taken_;
};

// The new plan.
struct TakeOver::Writer {
  std::unique_ptr<PosixPlanStorage> storage;
  std::unique_ptr<PlanWriter> plan;

  std::uint64_t next_id() const { return plan->appended().mini_batches; }
  // Gives it the next number.
  Status append(MiniBatch mini_batch) {
    mini_batch.id = MiniBatchId{next_id()};
    return plan->append(mini_batch);
  }
};

Status TakeOver::plan(Storage& storage) {
  std::error_code error;
  fs::rename(at(".parallelrun/contents.now"), at(kContentsPath), error);
  if (error) return Error{ErrorCode::kIo, "'" + at(kContentsPath) + "' cannot be made: " + error.message()};
  Writer writer;
  ASSIGN_OR_RETURN(writer.storage, PosixPlanStorage::open(at(kPlanPath)));
  ASSIGN_OR_RETURN(writer.plan, PlanWriter::open(*writer.storage));
  if (!matching_) RETURN_IF_ERROR(plan_taken(writer));
  RETURN_IF_ERROR(plan_rest(writer));
  RETURN_IF_ERROR(writer.plan->finish());
  RETURN_IF_ERROR(writer.plan->sync());
  explain();
  RETURN_IF_ERROR(keep_types(storage));
  return write_atomically(
      storage, kTakenOverPath,
      to_json(report_).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void TakeOver::take(std::uint64_t id, const MiniBatch& mini_batch, std::uint64_t old, bool whole) {
  taken_.emplace_back(id, old);
  taken_inputs_.insert(mini_batch.input);
  if (!whole) ++report_.left;
}

void TakeOver::left(const MiniBatch& mini_batch) {
  ++report_.left;
  report_.left_items += mini_batch.items;
}

// First what is taken over, then what is left of the files that it was cut from.
Status TakeOver::plan_taken(Writer& writer) {
  OldPlan old(from_, output_);
  RETURN_IF_ERROR(old.open());
  std::vector<MiniBatch> leftover;
  while (true) {
    ASSIGN_OR_RETURN(std::optional<MiniBatch> mini_batch, old.next());
    if (!mini_batch) break;
    const Fate fate = fates_.at(static_cast<std::size_t>(mini_batch->id.value));
    if (fate != Fate::kOpen) {
      take(writer.next_id(), *mini_batch, mini_batch->id.value, fate == Fate::kDone);
      RETURN_IF_ERROR(writer.append(std::move(*mini_batch)));
      continue;
    }
    const InputFormat& format = *formats_.at(mini_batch->input);
    if (!format.cuts_objects()) continue;
    ASSIGN_OR_RETURN(const std::string object, format.last_object(mini_batch->descriptor));
    if (inputs_.at(mini_batch->input).taken.contains(object)) leftover.push_back(std::move(*mini_batch));
  }
  for (const MiniBatch& mini_batch : leftover) RETURN_IF_ERROR(plan_leftover(mini_batch, writer));
  return plan_rest_of_last_object(old, writer);
}

// With a smaller miniBatchSize it is cut into smaller ones; a larger one cannot join it with its neighbours.
Status TakeOver::plan_leftover(const MiniBatch& old, Writer& writer) {
  const std::uint64_t before = count_at(old_submission_, "miniBatchSize");
  const std::uint64_t now = std::max<std::uint64_t>(job_.spec.mini_batch_size, 1);
  const std::uint64_t parts = std::min((before + now - 1) / now, old.items);
  std::vector<MiniBatch> cut;
  for (std::uint64_t i = 0; i < parts && parts > 1; ++i) {
    const ItemRange range{old.items * i / parts, old.items * (i + 1) / parts};
    auto piece = formats_.at(old.input)->part_of(old.descriptor, range, root_of_input(old.input));
    // Whoever reads it will say what is wrong with it.
    if (!piece || !*piece) {
      cut.clear();
      break;
    }
    cut.push_back({{}, old.input, (*piece)->items, std::move((*piece)->descriptor)});
  }
  if (cut.empty()) cut.push_back(old);
  for (MiniBatch& mini_batch : cut) {
    left(mini_batch);
    RETURN_IF_ERROR(writer.append(std::move(mini_batch)));
  }
  return {};
}

// Of a plan that ended before its end, as far as the last file is among those that were cut.
Status TakeOver::plan_rest_of_last_object(const OldPlan& old, Writer& writer) {
  if (old.complete() || !old.last()) return {};
  const MiniBatch& last = *old.last();
  const InputFormat& format = *formats_.at(last.input);
  if (!format.cuts_objects()) return {};
  ASSIGN_OR_RETURN(const std::string object, format.last_object(last.descriptor));
  if (!inputs_.at(last.input).taken.contains(object)) return {};
  ASSIGN_OR_RETURN(
      const std::unique_ptr<Planner> planner,
      Planner::create(Planner::options_for(job_.spec, job_.input_directories, output_, data_socket()), last));
  while (true) {
    ASSIGN_OR_RETURN(std::optional<MiniBatch> next, planner->next());
    if (!next || next->input != last.input) return {};
    ASSIGN_OR_RETURN(const std::string its, format.last_object(next->descriptor));
    if (its != object) return {};
    left(*next);
    RETURN_IF_ERROR(writer.append(std::move(*next)));
  }
}

Status TakeOver::plan_rest(Writer& writer) {
  Planner::Options options = Planner::options_for(job_.spec, job_.input_directories, output_, data_socket());
  options.first_id = writer.next_id();
  if (!matching_) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].taken.empty()) options.begun_before.insert(i);
    }
    options.watched = [this](std::size_t input, std::unique_ptr<Listing> all) -> std::unique_ptr<Listing> {
      return std::make_unique<Remaining>(std::move(all), inputs_.at(input).taken);
    };
  } else {
    report_.mini_batches = 0;
    report_.items = 0;
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Planner> planner, Planner::create(std::move(options)));
  std::vector<PassedOver> passed;
  while (true) {
    ASSIGN_OR_RETURN(std::optional<MiniBatch> next, planner->next());
    for (PassedOver& one : planner->take_passed_over()) passed.push_back(std::move(one));
    if (!next) break;
    const auto same = matching_ ? takeable_.find(key_of(*next)) : takeable_.end();
    if (same != takeable_.end()) {
      ++report_.mini_batches;
      report_.items += same->second.items;
      take(next->id.value, *next, same->second.id, same->second.whole);
      takeable_.erase(same);
    } else {
      left(*next);
    }
    RETURN_IF_ERROR(writer.plan->append(*next));
  }
  for (const auto& [key, untaken] : takeable_) count(Why::kCutOtherwise, untaken.items);
  return keep_passed_over(std::move(passed), writer);
}

// What is to be said of files that are not looked at again has been found there.
Status TakeOver::keep_passed_over(std::vector<PassedOver> passed, Writer& writer) {
  if (!matching_) {
    OldPlan old(from_, output_);
    RETURN_IF_ERROR(old.open());
    for (const PassedOver& before : old.passed_over()) {
      const bool known = std::any_of(passed.begin(), passed.end(), [&](const PassedOver& one) {
        return one.input == before.input && one.kind == before.kind;
      });
      const bool of_a_table =
          before.kind == PassedKind::kOtherColumnOrder || before.kind == PassedKind::kOtherColumns;
      if (!known && of_a_table && before.input < inputs_.size() && !inputs_[before.input].taken.empty())
        passed.push_back(before);
    }
  }
  for (const PassedOver& one : passed) RETURN_IF_ERROR(writer.plan->append(one));
  return {};
}

// The types that the rows that are taken over were read with are those of all rows of the input.
Status TakeOver::keep_types(Storage& storage) const {
  std::error_code error;
  fs::copy_file(from_ + "/" + kTypesPath, at(kTypesPath), fs::copy_options::overwrite_existing, error);
  if (error == std::errc::no_such_file_or_directory) return {};
  if (error) return Error{ErrorCode::kIo, "'" + at(kTypesPath) + "' cannot be made: " + error.message()};
  ASSIGN_OR_RETURN(const auto all, read_types(storage));
  std::vector<InputInfo> kept;
  for (const auto& [input, info] : all) {
    if (taken_inputs_.contains(input)) kept.push_back(info);
  }
  return write_types(storage, kept);
}

Status TakeOver::commit(Committer& committer) {
  CommitGroup group;
  std::size_t bytes = 0;
  const auto write = [&]() -> Status {
    if (group.entries.empty()) return {};
    RETURN_IF_ERROR(committer.write(std::exchange(group, {})));
    bytes = 0;
    return {};
  };
  for (const auto& [id, old] : taken_) {
    for (const CommittedWork::Done& done : work_->of(MiniBatchId{old})) {
      CommitEntry entry = done.entry;
      entry.work.mini_batch = MiniBatchId{id};
      if (entry.kind == CommitEntry::Kind::kSplit) {
        group.entries.push_back(entry);
      } else if (is_taken(done)) {
        ASSIGN_OR_RETURN(std::string rows, work_->rows_of(done));
        bytes += rows.size();
        if (!rows.empty()) {
          group.rows.push_back(std::move(rows));
          group.rows_of.push_back(entry.work);
        }
        group.entries.push_back(entry);
      }
    }
    if (bytes >= kBytesAtOnce || group.entries.size() >= kEntriesAtOnce) RETURN_IF_ERROR(write());
  }
  RETURN_IF_ERROR(write());
  lock_ = FileDescriptor();
  return {};
}

}  // namespace parallelrun::orchestrator
