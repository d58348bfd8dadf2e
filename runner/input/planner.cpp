#include "runner/input/planner.h"

#include <algorithm>
#include <utility>

#include "common/result/try.h"
#include "common/spec/store_sources.h"

namespace parallelrun {
namespace {

Error beside(const Input& input, const Error& error) {
  return Error{error.code, "input '" + input.name + "': " + error.message, error.retryable};
}

}  // namespace

Planner::Options Planner::options_for(const JobSpec& spec,
                                      std::map<std::string, std::string> input_directories,
                                      std::string output_directory, std::string data_socket) {
  return Options{spec.inputs,           std::move(input_directories),
                 spec.mini_batch_size,  std::move(output_directory),
                 spec.partition_keys,   nullptr,
                 std::move(data_socket)};
}

Result<std::unique_ptr<Planner>> Planner::create(Options options, const std::optional<MiniBatch>& last) {
  std::unique_ptr<Planner> planner(new Planner(std::move(options)));
  Options& own = planner->options_;
  own.mini_batch_size = std::max<std::uint64_t>(own.mini_batch_size, 1);
  if (!own.output_directory.empty()) planner->output_ = identity_of(own.output_directory);
  // Trouble with the last input shall not wait until the others are done.
  for (const Input& input : own.inputs) {
    if (!own.directories.contains(input.name)) {
      return Error{ErrorCode::kInvalidArgument, "input '" + input.name + "' has no directory"};
    }
    const auto format = open_format(input, own.partition_keys);
    const InputPlace place = planner->place_of(input);
    const auto listing = open_listing(input, *format, place);
    if (!listing) return beside(input, listing.error());
    if (last) continue;  // it was sound when it began
    if (Status sound = format->check(**listing, place.root()); !sound) return beside(input, sound.error());
  }
  planner->next_id_ = own.first_id;
  if (last) {
    RETURN_IF_ERROR(planner->resume(*last));
  }
  return planner;
}

InputPlace Planner::place_of(const Input& input) const {
  return {options_.directories.at(input.name), output_, options_.data_socket};
}

Status Planner::begin_input(std::string start_after) {
  const Input& input = options_.inputs[input_];
  input_has_mini_batches_ = options_.begun_before.contains(input_);
  passed_.clear();
  format_ = open_format(input, options_.partition_keys);
  if (format_->lists_all()) start_after.clear();
  input_partly_ = !start_after.empty();
  auto listing = open_listing(input, *format_, place_of(input), {std::move(start_after), &passed_});
  if (!listing) return in_input(listing.error());
  listing_ = options_.watched ? options_.watched(input_, std::move(*listing)) : std::move(*listing);
  cutter_ =
      format_->cutter(*listing_, {place_of(input).root(), options_.mini_batch_size, &passed_,
                                  groups_directory(options_.output_directory, input_), options_.stopped});
  return {};
}

Status Planner::resume(const MiniBatch& last) {
  const Error misfit{ErrorCode::kCorrupt,
                     "the last mini-batch of the stored plan does not fit the job's inputs"};
  if (last.input >= options_.inputs.size()) return misfit;
  input_ = last.input;
  next_id_ = last.id.value + 1;
  Result<std::string> object =
      open_format(options_.inputs[input_], options_.partition_keys)->last_object(last.descriptor);
  if (!object) return object.error();
  RETURN_IF_ERROR(begin_input(std::move(*object)));
  input_has_mini_batches_ = true;
  return cutter_->resume_after(last.descriptor);
}

Error Planner::in_input(const Error& error) const { return beside(options_.inputs[input_], error); }

Error Planner::nothing_found() const {
  const Input& input = options_.inputs[input_];
  const bool stored = input.source.store.is_object();
  const std::string directory =
      "'" + (stored ? store_address(input.source.store) : options_.directories.at(input.name)) + "'";
  if (is_database(input.source.store))
    return in_input(Error{ErrorCode::kNotFound, directory + " has no row"});
  const std::uint64_t files = cutter_->objects();
  std::string what = directory + " has no file";
  if (files > 0) {
    what = files == 1 ? "the only file in " + directory + " has "
                      : "the " + std::to_string(files) + " files in " + directory + " have ";
    what += format_->nothing_in(files);
  } else if (!input.path_pattern.empty()) {
    what += " that matches the pathPattern '" + input.path_pattern + "'";
  } else if (!input.glob.empty()) {
    what += " that matches the glob '" + input.glob + "'";
  } else if (const std::string endings = format_->default_endings(); !endings.empty()) {
    what += " that ends in " + endings;
  }
  const std::vector<PassedOver> passed = passed_.of_input(static_cast<std::uint32_t>(input_), false);
  for (const PassedOver& one : passed) what += (&one == passed.data() ? " (" : "; ") + words_of(one);
  if (!passed.empty()) what += ")";
  return in_input(
      Error{ErrorCode::kNotFound, what + "; check the " + (stored ? "prefix" : "directory") +
                                      " and the input's glob (names that begin with a dot are left out)"});
}

Result<std::optional<MiniBatch>> Planner::next() {
  while (input_ < options_.inputs.size()) {
    if (!cutter_) {
      RETURN_IF_ERROR(begin_input({}));
    }
    Result<std::optional<InputCutter::Piece>> piece = cutter_->next();
    if (!piece) return in_input(piece.error());
    const auto input = static_cast<std::uint32_t>(input_);
    if (*piece) {
      input_has_mini_batches_ = true;
      return std::optional<MiniBatch>(
          MiniBatch{MiniBatchId{next_id_++}, input, (*piece)->items, std::move((*piece)->descriptor)});
    }
    if (!input_has_mini_batches_) return nothing_found();
    for (PassedOver& passed : passed_.of_input(input, input_partly_))
      passed_over_.push_back(std::move(passed));
    ++input_;
    cutter_.reset();
    listing_.reset();
  }
  return std::optional<MiniBatch>();
}

}  // namespace parallelrun
