#include "runner/orchestrator/server/planning.h"

#include <algorithm>
#include <utility>

#include "common/json/json.h"
#include "common/result/try.h"
#include "runner/input/input_listing.h"
#include "runner/orchestrator/plan_in_storage.h"
#include "runner/orchestrator/stored_plan.h"
#include "runner/plan/posix_plan_storage.h"
#include "runner/store/data_connection.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

// The first mini-batches are handed to the file at once; then what has gathered in this time goes together.
constexpr std::chrono::milliseconds kPublish{20};

Result<std::unique_ptr<PlanStorage>> plan_for_writing(Storage& storage, const std::string& plan_file,
                                                      bool in_store) {
  if (in_store) {
    ASSIGN_OR_RETURN(std::unique_ptr<File> file, storage.open(kPlanPath));
    return std::unique_ptr<PlanStorage>(std::make_unique<PlanInStorage>(std::move(file)));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<PosixPlanStorage> file, PosixPlanStorage::open(plan_file));
  return std::unique_ptr<PlanStorage>(std::move(file));
}

}  // namespace

Result<std::unique_ptr<Planning>> Planning::open(Storage& storage, const std::string& plan_file,
                                                 bool fresh_file, const ResolvedJob& job) {
  if (fresh_file) {
    RETURN_IF_ERROR(StoredPlan::pass_by(storage));
  }
  Result<std::unique_ptr<PlanStorage>> written =
      plan_for_writing(storage, plan_file, job.spec.output.source.store.is_object());
  if (!written) return written.error();
  Result<std::unique_ptr<PosixPlanStorage>> read = PosixPlanStorage::open(plan_file);
  if (!read) return read.error();
  RETURN_IF_ERROR(storage.still_ours());
  Result<std::unique_ptr<StoredPlan>> plan = StoredPlan::open(std::move(*written), std::move(*read));
  if (!plan) return plan.error();
  std::unique_ptr<Planning> planning(new Planning(std::move(*plan), job));
  return planning;
}

Planning::Planning(std::unique_ptr<StoredPlan> plan, const ResolvedJob& job)
    : spec_(job.spec),
      directories_(job.input_directories),
      output_directory_(job.output_directory),
      plan_(std::move(plan)),
      seen_(plan_->found()),
      extent_(plan_->found()),
      samples_(std::vector<Sampled>(job.spec.inputs.size())) {
  for (const Input& input : spec_.inputs) {
    const auto directory = directories_.find(input.name);
    roots_.push_back(shown_root(input, directory == directories_.end() ? "" : directory->second));
    formats_.push_back(open_format(input, spec_.partition_keys));
  }
}

Planning::~Planning() {
  stop();
  if (planner_.joinable()) planner_.join();
  if (sampler_.joinable()) sampler_.join();
  if (part_cutter_.joinable()) part_cutter_.join();
}

void Planning::stop() {
  wanted_parts_.change([this](std::deque<Request>&) { stopping_ = true; });
}

void Planning::start(Events events) {
  events_ = std::move(events);
  for (const PassedOver& passed : plan_->writer().passed_over()) {
    if (passed.input < spec_.inputs.size()) events_.on_passed_over(passed);
  }
  if (!found().complete) planner_ = at_work(&Planning::plan);
  const bool sampled = std::any_of(formats_.begin(), formats_.end(),
                                   [](const auto& format) { return format->infers_types(); });
  if (sampled) sampler_ = at_work(&Planning::take_samples);
}

std::thread Planning::at_work(void (Planning::*what)()) {
  ++at_work_;
  return std::thread([this, what] {
    (this->*what)();
    --at_work_;
  });
}

bool Planning::ends_within(std::chrono::milliseconds patience) const {
  constexpr std::chrono::milliseconds kLook{5};
  const auto until = std::chrono::steady_clock::now() + patience;
  while (at_work_ > 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kLook);
  return at_work_ == 0;
}

void Planning::plan() {
  Planner::Options options = Planner::options_for(spec_, directories_, output_directory_, data_socket());
  options.stopped = &stopping_;
  options.watched = events_.watched;
  auto planner = Planner::create(std::move(options), plan_->writer().last_found());
  if (planner) events_.on_checked();
  const Status ended = planner ? plan_all(**planner) : Status(planner.error());
  if (!ended && !stopping_) events_.on_failed(ended.error());
}

Status Planning::plan_all(Planner& planner) {
  auto published = std::chrono::steady_clock::time_point{};
  while (!stopping_) {
    Result<std::optional<MiniBatch>> found = planner.next();
    if (!found) {
      // What came before it is good, and its results may be wanted.
      RETURN_IF_ERROR(publish());
      return found.error();
    }
    // Before the plan is known to be complete: the job may end with that.
    RETURN_IF_ERROR(keep_passed_over(planner));
    if (!*found) {
      if (events_.on_listed) events_.on_listed();
      RETURN_IF_ERROR(plan_->writer().finish());
      return publish();
    }
    RETURN_IF_ERROR(plan_->writer().append(**found));
    const auto now = std::chrono::steady_clock::now();
    if (now - published < kPublish) continue;
    published = now;
    RETURN_IF_ERROR(publish());
  }
  return {};
}

Status Planning::publish() {
  RETURN_IF_ERROR(plan_->writer().flush());
  const PlanExtent extent = plan_->writer().flushed();
  extent_.change([&](PlanExtent& e) { e = extent; });
  events_.on_extent(extent);
  return {};
}

// What was left out is told once, and stored, so that a restart tells it too.
Status Planning::keep_passed_over(Planner& planner) {
  for (const PassedOver& passed : planner.take_passed_over()) {
    const std::vector<PassedOver>& known = plan_->writer().passed_over();
    const bool told = std::any_of(known.begin(), known.end(), [&](const PassedOver& before) {
      return before.input == passed.input && before.kind == passed.kind;
    });
    if (told) continue;
    RETURN_IF_ERROR(plan_->writer().append(passed));
    events_.on_passed_over(passed);
  }
  return {};
}

Result<std::optional<MiniBatch>> Planning::next() {
  Result<std::optional<MiniBatch>> found = plan_->next(seen_);
  if (found && !*found) {
    const PlanExtent extent = extent_.read([](const PlanExtent& e) { return e; });
    if (extent == seen_) return found;
    seen_ = extent;
    found = plan_->next(seen_);
  }
  return found;
}

Status Planning::make_durable(std::uint64_t mini_batches) {
  return plan_->make_durable(mini_batches, extent_.read([](const PlanExtent& e) { return e; }));
}

nlohmann::ordered_json Planning::items_of(const MiniBatch& mini_batch) const {
  if (mini_batch.input >= formats_.size()) return {};
  return formats_[mini_batch.input]->items_of(mini_batch.descriptor, roots_[mini_batch.input]);
}

std::string Planning::object_of(const MiniBatch& mini_batch) const {
  if (mini_batch.input >= formats_.size()) return {};
  const Result<std::string> object = formats_[mini_batch.input]->last_object(mini_batch.descriptor);
  return object ? *object : std::string();
}

void Planning::take_samples() {
  for (std::size_t i = 0; i < formats_.size() && !stopping_; ++i) {
    if (!formats_[i]->infers_types()) continue;
    Sampled sampled{true, take_sample(i)};
    samples_.change([&](std::vector<Sampled>& samples) { samples[i] = std::move(sampled); });
    events_.on_samples();
  }
}

Result<SampleSource::Sample> Planning::take_sample(std::size_t i) {
  const Input& input = spec_.inputs[i];
  const auto directory = directories_.find(input.name);
  if (directory == directories_.end()) return Sample{};
  InputPlace place{directory->second, std::nullopt, data_socket()};
  if (!output_directory_.empty()) place.left_out = identity_of(output_directory_);
  auto listing = open_listing(input, *formats_[i], place);
  if (!listing) return listing.error();
  auto sample = formats_[i]->sample(**listing, place.root());
  if (!sample) return sample.error();
  if (!*sample) return Sample{};
  if ((*sample)->warning) events_.on_warning(*(*sample)->warning);
  return Sample{Need::kSample, std::move((*sample)->descriptor)};
}

void Planning::cut(Request request) {
  // Most jobs have nothing to cut. What an earlier start has split is cut, whatever the spec says now.
  if (!part_cutter_.joinable()) part_cutter_ = at_work(&Planning::cut_parts);
  wanted_parts_.change([&request](std::deque<Request>& wanted) { wanted.push_back(std::move(request)); });
}

void Planning::cut_parts() {
  while (true) {
    const std::optional<Request> request =
        wanted_parts_.when([this](const std::deque<Request>& wanted) { return stopping_ || !wanted.empty(); },
                           [this](std::deque<Request>& wanted) {
                             std::optional<Request> first;
                             if (stopping_) return first;
                             first = std::move(wanted.front());
                             wanted.pop_front();
                             return first;
                           });
    if (!request) return;
    events_.on_parts(request->number, parts_of(*request));
  }
}

PartCutter::Cut Planning::parts_of(const Request& request) const {
  const MiniBatch& of = request.of;
  const auto directory = directories_.find(spec_.inputs.at(of.input).name);
  const std::string root = directory == directories_.end() ? "" : FileWalk::root_of(directory->second);
  std::vector<MiniBatch> parts;
  for (const ItemRange range : request.ranges) {
    ASSIGN_OR_RETURN(auto piece, formats_.at(of.input)->part_of(of.descriptor, range, root));
    if (!piece) return std::optional<std::vector<MiniBatch>>();
    parts.push_back({of.id, of.input, piece->items, std::move(piece->descriptor)});
  }
  return std::optional(std::move(parts));
}

Result<SampleSource::Sample> Planning::sample(std::uint32_t input) {
  if (input >= formats_.size() || !formats_[input]->infers_types()) return Sample{};
  return samples_.read([input](const std::vector<Sampled>& samples) -> Result<Sample> {
    if (!samples[input].done) return Sample{Need::kNotYet, {}};
    return samples[input].sample;
  });
}

}  // namespace parallelrun::orchestrator
